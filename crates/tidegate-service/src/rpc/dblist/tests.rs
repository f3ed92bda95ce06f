use super::*;

fn check(list: &str, include: &[&str], rename: &[&str], rules: &[&str]) {
    let objects = read(list).unwrap_or_else(|refusal| panic!("{list}: {}", refusal.message));
    assert_eq!(objects.include, include, "{list}");
    assert_eq!(objects.rename, rename, "{list}");
    let said: Vec<String> = objects.rules.iter().map(|rule| serde_json::to_string(rule).unwrap()).collect();
    assert_eq!(said, rules, "{list}");
    // And it is one that the rest understands.
    crate::objects::read(&objects).unwrap_or_else(|error| panic!("{list}: {error}"));
}

#[test]
fn lists_become_objects() {
    check(r#"{"shop":{"name":"shop","all":true}}"#, &["shop.*"], &[], &[]);
    check(r#"{"shop":{}}"#, &["shop.*"], &[], &[]);
    check(
        r#"{"shop":{"name":"store","all":true},"crm":{"name":"crm","all":true,"state":"normal"}}"#,
        &["crm.*", "shop.*"],
        &["shop.*=store.*"],
        &[],
    );
    check(
        r#"{"shop":{"name":"store","all":false,"Table":{"order":{"name":"orders","all":true},"item":{"all":true}}}}"#,
        &["shop.item", "shop.order"],
        &["shop.*=store.*", "shop.order=store.orders"],
        &[],
    );
    // Scripts leave `all: false` out. Beside `all: true` tables have their own names and filters, and no others are lost.
    check(r#"{"shop":{"Table":{"order":{}}}}"#, &["shop.order"], &[], &[]);
    check(
        r#"{"shop":{"all":true,"Table":{"order":{"name":"orders","filter":"id > 10"}}}}"#,
        &["shop.*"],
        &["shop.order=shop.orders"],
        &[r#"{"tables":"shop.order","where":"id > 10"}"#],
    );
}

#[test]
fn filters_columns_and_kinds_become_rules() {
    check(
        r#"{"shop":{"all":false,"Table":{"order":{"all":true,"filter":"id > 10;","dml_op":"insert,update"}}}}"#,
        &["shop.order"],
        &[],
        &[r#"{"tables":"shop.order","where":"id > 10","changes":["insert","update"]}"#],
    );
    check(
        r#"{"shop":{"Table":{"order":{"all":false,"column":{"id":{"name":"id"},"amount":{"name":"total"},"b":{}}}}}}"#,
        &["shop.order"],
        &[],
        &[r#"{"tables":"shop.order","columns":"amount=total, b, id"}"#],
    );
    // What is said of a database is said of its tables, unless they say something else.
    check(
        r#"{"shop":{"dml_op":"i,u","ddl_op":"create table,alter","Table":{"a":{},"b":{"dml_op":"d","ddl_op":"drop"}}}}"#,
        &["shop.a", "shop.b"],
        &[],
        &[
            r#"{"tables":"shop.a","changes":["insert","update"],"schema_changes":["create","alter"]}"#,
            r#"{"tables":"shop.b","changes":["delete"],"schema_changes":["drop"]}"#,
            r#"{"tables":"shop.*","changes":["insert","update"],"schema_changes":["create","alter"]}"#,
        ],
    );
}

#[test]
fn names_mean_only_themselves() {
    check(
        r#"{"odd.na*me":{"name":"a?b","Table":{"t.1":{"name":"t`2"}}}}"#,
        &[r"odd\.na\*me.t\.1"],
        &[r"odd\.na\*me.*=a\?b.*", r"odd\.na\*me.t\.1=a\?b.t\`2"],
        &[],
    );
    let objects = read(r#"{"odd.na*me":{"name":"a?b","Table":{"t.1":{"name":"t`2"}}}}"#).unwrap();
    let selection = crate::objects::read(&objects).unwrap();
    assert!(selection.selects("odd.na*me", "t.1") && !selection.selects("odd.name", "t.1"));
    assert_eq!(selection.map("odd.na*me", "t.1"), tidegate_model::TableName::new("a?b", "t`2"));
}

#[test]
fn what_would_mean_something_else_is_refused() {
    for (list, says) in [
        ("", "DbList"),
        ("[]", "DbList"),
        ("{}", "names no database"),
        (r#"{"shop":{"all":false}}"#, "names no table"),
        (r#"{"shop":{"Table":{"a":{"all":false}}}}"#, "names no column"),
        (r#"{"shop":{"patternType":"white"}}"#, "patternType"),
        (r#"{"shop":{"Table":{"a":{"shard":"2"}}}}"#, "shard"),
        (r#"{"shop":{"dml_op":"upsert"}}"#, "upsert"),
        (r#"{"shop":{"Table":{"a":{"column":{"a,b":{}}}}}}"#, ", = *"),
        (r#"{"a=b":{}}"#, "a=b"),
    ] {
        let refusal = read(list).err().unwrap_or_else(|| panic!("{list} is taken"));
        assert!(refusal.message.contains(says) && refusal.status == 400, "{list}: {}", refusal.message);
    }
}

#[test]
fn no_schema_changes_at_all() {
    let mut objects = read(r#"{"shop":{"Table":{"a":{"dml_op":"i"}}}}"#).unwrap();
    without_schema_changes(&mut objects);
    let selection = crate::objects::read(&objects).unwrap();
    for table in ["a", "b"] {
        assert!(!selection.rule("shop", table).unwrap().schema_changes.create, "{table}");
    }
}

#[test]
fn objects_become_a_list_where_there_is_one() {
    for list in [
        r#"{"shop":{"all":true,"name":"shop"}}"#,
        r#"{"crm":{"all":true,"name":"crm"},"shop":{"all":true,"name":"store"}}"#,
        r#"{"shop":{"Table":{"a":{"all":true,"name":"b"},"c":{"all":true,"name":"c"}},"all":false,"name":"store"}}"#,
    ] {
        assert_eq!(write(&read(list).unwrap()).as_deref(), Some(list));
    }
    let objects = |include: &[&str], exclude: &[&str], rename: &[&str]| {
        let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
        Objects {
            include: texts(include),
            exclude: texts(exclude),
            rename: texts(rename),
            ..Objects::default()
        }
    };
    for none in [
        objects(&[], &[], &[]),
        objects(&["shop.a*"], &[], &[]),
        objects(&["shop.*"], &["shop.b"], &[]),
        objects(&["shop.*"], &[], &["shop.a=shop.b"]),
        objects(&["shop.a", "shop.b"], &[], &["shop.a=crm.a"]),
    ] {
        assert_eq!(write(&none), None, "{none:?}");
    }
}
