//! Whether two servers hold the same database, asked through their own client only.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tidegate_sandbox::Server;

/// The first difference found; the full texts of the two sides are left in `folder`.
pub(super) fn difference(
    source: &Server,
    target: &Server,
    database: &str,
    folder: &Path,
) -> Result<Option<String>, String> {
    let tables = tables(source, database)?;
    let in_target = self::tables(target, database)?;
    if tables != in_target {
        return Ok(Some(format!("the tables differ: source {tables:?}, target {in_target:?}")));
    }
    for table in &tables {
        let name = format!("`{database}`.`{table}`");
        let sides = [(source, "source"), (target, "target")];
        let [left, right] = sides.map(|(server, _)| definition(server, &name));
        let (left, right) = (left?, right?);
        if left != right {
            return Ok(Some(format!("the definitions of {table} differ:\n{left}\n--- target:\n{right}")));
        }
        let [left, right] = sides.map(|(server, _)| rows(server, &name));
        let (left, right) = (left?, right?);
        if left != right {
            for ((_, side), text) in sides.iter().zip([&left, &right]) {
                let path = folder.join(format!("{table}.{side}.txt"));
                fs::write(&path, text.join("\n"))
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            }
            return Ok(Some(format!("the rows of {table} differ: {}", first_difference(&left, &right))));
        }
    }
    Ok(None)
}

fn tables(server: &Server, database: &str) -> Result<Vec<String>, String> {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}' ORDER BY table_name"
    );
    Ok(server.sql(&sql)?.lines().map(str::to_owned).collect())
}

/// The definition without the counter, which no replication keeps equal at every moment.
fn definition(server: &Server, table: &str) -> Result<String, String> {
    let text = query(server, &format!("SHOW CREATE TABLE {table}"))?;
    let words = text.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
    Ok(words.collect::<Vec<_>>().join(" ").replace("\\n", "\n"))
}

/// All rows as text, sorted here: the server's order leaves open what its collation calls equal.
fn rows(server: &Server, table: &str) -> Result<Vec<String>, String> {
    let text = query(server, &format!("SELECT * FROM {table}"))?;
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.sort_unstable();
    Ok(rows)
}

fn query(server: &Server, sql: &str) -> Result<String, String> {
    let mut command = server.client("mysql")?;
    command.args(["-N", "-B", "--binary-as-hex", "--default-character-set=utf8mb4", "-e", sql]);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run the mysql client: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("\"{sql}\" failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn first_difference(left: &[String], right: &[String]) -> String {
    let lacking = left.iter().find(|row| right.binary_search(row).is_err());
    let surplus = right.iter().find(|row| left.binary_search(row).is_err());
    let show = |row: Option<&String>| row.map_or("nothing".to_owned(), |row| row.chars().take(300).collect());
    format!(
        "source {} rows, target {} rows; only in the source {}; only in the target {}",
        left.len(),
        right.len(),
        show(lacking),
        show(surplus)
    )
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn a_difference_names_a_row_of_each_side() {
        let rows = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            first_difference(&rows("1 2 3"), &rows("1 3 4")),
            "source 3 rows, target 3 rows; only in the source 2; only in the target 4"
        );
    }
}
