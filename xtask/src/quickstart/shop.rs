//! The sample shop: tables with foreign keys, a view, a trigger, routines and a mix of types.

/// Parts of a hundred of all rows; payments get what is left.
const CUSTOMERS: u64 = 10;
const PRODUCTS: u64 = 2;
const ORDERS: u64 = 20;
const ITEMS: u64 = 50;

const TABLES: &str = "
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
USE shop;
CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL UNIQUE, name VARCHAR(80) NOT NULL,
  country CHAR(2) CHARACTER SET ascii NOT NULL, born DATE, settings JSON,
  created TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY by_country (country, born));
CREATE TABLE products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sku BINARY(8) NOT NULL UNIQUE, name VARCHAR(80) NOT NULL,
  price DECIMAL(10,2) NOT NULL, gross DECIMAL(12,4) GENERATED ALWAYS AS (price * 1.19) STORED, weight DOUBLE,
  state ENUM('draft','listed','gone') NOT NULL DEFAULT 'listed', tags SET('new','sale','heavy','fragile') NOT NULL,
  stock INT NOT NULL, flags BIT(5), description TEXT, picture VARBINARY(64), FULLTEXT KEY words (name));
CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT UNSIGNED NOT NULL,
  placed DATETIME(6) NOT NULL, state ENUM('new','paid','sent','back') NOT NULL DEFAULT 'new', note TINYTEXT,
  FOREIGN KEY (customer_id) REFERENCES customers (id), KEY by_placed (placed DESC));
CREATE TABLE order_items (
  order_id BIGINT UNSIGNED NOT NULL, line SMALLINT NOT NULL, product_id INT UNSIGNED NOT NULL, quantity INT NOT NULL,
  price DECIMAL(10,2) NOT NULL, PRIMARY KEY (order_id, line),
  FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE, FOREIGN KEY (product_id) REFERENCES products (id),
  CHECK (quantity > 0));
CREATE TABLE payments (
  id BINARY(16) NOT NULL PRIMARY KEY, order_id BIGINT UNSIGNED NOT NULL, amount DECIMAL(12,2) NOT NULL,
  at TIME(2), paid YEAR, FOREIGN KEY (order_id) REFERENCES orders (id));
";

const CODE: &str = "
CREATE VIEW customer_totals AS
  SELECT c.id, c.name, COUNT(DISTINCT o.id) AS orders, SUM(i.quantity * i.price) AS total
  FROM customers c LEFT JOIN orders o ON o.customer_id = c.id LEFT JOIN order_items i ON i.order_id = o.id
  GROUP BY c.id, c.name;
DELIMITER //
CREATE TRIGGER stock_falls AFTER INSERT ON order_items FOR EACH ROW
  UPDATE products SET stock = stock - NEW.quantity WHERE id = NEW.product_id //
CREATE FUNCTION order_total(wanted BIGINT UNSIGNED) RETURNS DECIMAL(12,2) READS SQL DATA
  RETURN (SELECT COALESCE(SUM(quantity * price), 0) FROM order_items WHERE order_id = wanted) //
CREATE PROCEDURE pay(wanted BIGINT UNSIGNED) BEGIN
  INSERT INTO payments VALUES (UUID_TO_BIN(UUID()), wanted, order_total(wanted), CURTIME(2), YEAR(NOW()));
  UPDATE orders SET state = 'paid' WHERE id = wanted;
END //
DELIMITER ;
";

/// The statements that make the shop with about so many rows.
pub(super) fn schema(rows: u64) -> String {
    let (customers, products) = (rows * CUSTOMERS / 100, rows * PRODUCTS / 100);
    let (orders, items) = (rows * ORDERS / 100, rows * ITEMS / 100);
    let payments = (rows - customers - products - orders - items).min(orders);
    let fill = |table: &str, count: u64, values: &str| {
        format!(
            "INSERT INTO {table} WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count}) \
             SELECT {values} FROM n;\n"
        )
    };
    let mut sql = TABLES.to_owned();
    sql.push_str("SET SESSION cte_max_recursion_depth = 4000000000;\n");
    sql.push_str(&fill(
        "customers (email, name, country, born, settings)",
        customers,
        "CONCAT('c', i, '@example.com'), CONCAT(ELT(1 + i % 4, 'Zoë', 'Łukasz', '美咲', 'Ann 🐟'), ' ', i), \
         ELT(1 + i % 5, 'de', 'fr', 'jp', 'pl', 'us'), '1950-01-01' + INTERVAL i % 20000 DAY, \
         JSON_OBJECT('visits', i % 9, 'news', i % 2 = 0, 'last', JSON_ARRAY(i, i DIV 3, NULL))",
    ));
    sql.push_str(&fill(
        "products (sku, name, price, weight, tags, stock, flags, description, picture)",
        products,
        "UNHEX(LPAD(HEX(i), 16, '0')), CONCAT('product ', i), 1 + i % 500 / 4, i / 7, i % 16, 1000000, i % 32, \
         REPEAT(SHA2(i, 256), 1 + i % 6), UNHEX(SHA2(i, 512))",
    ));
    sql.push_str(&fill(
        "orders (customer_id, placed, state)",
        orders,
        &format!("1 + i * 7919 % {customers}, '2025-01-01' + INTERVAL i * 37 SECOND + INTERVAL i MICROSECOND, 1 + i % 4"),
    ));
    sql.push_str(&fill(
        "order_items",
        items,
        &format!("1 + i % {orders}, i DIV {orders}, 1 + i * 104729 % {products}, 1 + i % 5, 1 + i % 500 / 4"),
    ));
    sql.push_str(&fill(
        "payments",
        payments,
        "UNHEX(LEFT(SHA2(i, 256), 32)), 1 + i, 1 + i % 900 / 4, MAKETIME(i % 24, i % 60, i % 60), 2000 + i % 30",
    ));
    sql.push_str(CODE);
    sql
}

/// The `number`th request of a customer, as SQL.
pub(super) fn request(number: u64) -> String {
    let customer = format!(
        "(SELECT MIN(id) FROM customers WHERE id >= 1 + {} % (SELECT MAX(id) FROM customers))",
        number * 6151
    );
    let product = |salt: u64| format!("1 + {} % (SELECT MAX(id) FROM products)", number * 31 + salt);
    match number % 8 {
        0..=3 => format!(
            "SET @p1 = {}, @p2 = {}; START TRANSACTION; \
             INSERT INTO orders (customer_id, placed, note) VALUES ({customer}, NOW(6), 'request {number}'); \
             SET @o = LAST_INSERT_ID(); INSERT INTO order_items VALUES (@o, 0, @p1, 1 + {number} % 3, 9.95), \
             (@o, 1, @p2, 1, {number} % 100); COMMIT; CALL pay(@o);",
            product(1),
            product(2)
        ),
        4 => format!(
            "SET @c = {customer}; UPDATE customers SET settings = JSON_SET(settings, '$.visits', {number}, \
             '$.seen', CAST(NOW(6) AS CHAR)) WHERE id = @c;"
        ),
        5 => "SET @o = (SELECT MIN(id) FROM orders); DELETE FROM payments WHERE order_id = @o; \
              DELETE FROM orders WHERE id = @o;"
            .to_owned(),
        6 => format!(
            "SET @p = {}; UPDATE products SET price = price + 0.01, flags = flags ^ b'101' WHERE id = @p;",
            product(3)
        ),
        _ => format!(
            "UPDATE orders SET state = 'sent' WHERE state = 'paid' ORDER BY placed DESC LIMIT {};",
            1 + number % 3
        ),
    }
}
