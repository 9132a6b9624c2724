//! Tests of settings and facts in the database.

use crate::store::node::tests::node;
use crate::store::tests::{colony, facts, settings};
use crate::store::{Fault, Store};

fn value(store: &Store, column: &str) -> Option<String> {
    let settings = store.stored_settings().unwrap();
    settings.into_iter().find(|(name, _)| name == column).unwrap().1
}

#[test]
fn settings_are_stored_in_the_types_of_their_columns() {
    let store = colony();
    let store_settings =
        |column, text: Option<&str>| store.store_settings(&[(column, text.map(str::to_owned))], &[]);
    store_settings("max_load_average_allowed", Some("1.2")).unwrap();
    store_settings("no_upnp", Some("true")).unwrap();
    store_settings("node_cap", Some("40")).unwrap();
    store_settings("antctl_version", None).unwrap();
    store_settings("environment", Some("A=1 B=\"two words\"\n'; DROP TABLE node; --")).unwrap();
    assert_eq!(value(&store, "max_load_average_allowed").as_deref(), Some("1.2"));
    assert_eq!(value(&store, "no_upnp").as_deref(), Some("1"));
    assert_eq!(value(&store, "node_cap").as_deref(), Some("40"));
    assert_eq!(value(&store, "antctl_version"), None);
    assert!(
        value(&store, "environment")
            .unwrap()
            .ends_with("DROP TABLE node; --")
    );
    assert_eq!(value(&store, "firewall").as_deref(), Some("auto"));
    assert_eq!(store.facts().unwrap(), facts());
}

#[test]
fn invalid_value_fails_and_nothing_is_stored() {
    let store = colony();
    let node_cap = ("node_cap", Some("30".to_owned()));
    for bad in [
        ("node_cap", Some("3O".to_owned())),
        ("desired_load_average", Some("NaN".to_owned())),
        ("node_cap", None),
        ("no_such_column", Some("1".to_owned())),
        ("id", Some("2".to_owned())),
        ("node_cap = 5 --", Some("1".to_owned())),
    ] {
        let error = store
            .store_settings(&[node_cap.clone(), bad.clone()], &[])
            .unwrap_err();
        assert!(matches!(error.fault, Fault::Value { .. }), "{error}");
        assert!(error.to_string().contains(bad.0), "{error}");
        assert_eq!(value(&store, "node_cap").as_deref(), Some("1"));
    }
}

#[test]
fn setting_without_a_column_is_stored_as_a_row() {
    let store = colony();
    let execute = |sql: &str| store.connection.execute_batch(sql).unwrap();
    execute("ALTER TABLE machine DROP COLUMN shunned_remove");
    let stored = |column: &str| {
        let row = store.stored_settings().unwrap();
        row.into_iter().find(|(name, _)| name == column)
    };
    let save = |text: Option<&str>| {
        store
            .store_settings(&[("shunned_remove", text.map(str::to_owned))], &[])
            .unwrap()
    };
    assert_eq!(stored("shunned_remove"), None);
    save(Some("7"));
    save(Some("8"));
    assert_eq!(stored("shunned_remove").unwrap().1.as_deref(), Some("8"));
    let before = store.connection.total_changes();
    save(Some("8"));
    assert_eq!(store.connection.total_changes(), before);
    execute("INSERT INTO setting VALUES ('of_a_newer_wnm', '1'), ('node_cap', '99'), ('dry_run', '1')");
    assert_eq!((stored("of_a_newer_wnm"), stored("dry_run")), (None, None));
    assert_eq!(
        stored("node_cap").unwrap().1.as_deref(),
        Some("1"),
        "a column has precedence"
    );
    save(None);
    assert_eq!(stored("shunned_remove"), None);

    let store = Store::in_memory().unwrap();
    store
        .connection
        .execute_batch("ALTER TABLE machine DROP COLUMN shunned_remove")
        .unwrap();
    let mut all = settings();
    all.push(("shunned_remove", Some("9".to_owned())));
    store.initialise(&all, &facts(), &[]).unwrap();
    let row = store.stored_settings().unwrap();
    assert!(row.contains(&("shunned_remove".to_owned(), Some("9".to_owned()))));
}

#[test]
fn initialise_works_once_and_completely() {
    let store = Store::in_memory().unwrap();
    let error = store.initialise(&settings()[1..], &facts(), &[]).unwrap_err();
    assert!(
        error.to_string().contains("`node_cap`: it needs a value"),
        "{error}"
    );
    assert!(store.stored_settings().is_err());
    let twice = [node(1), node(1)];
    assert!(store.initialise(&settings(), &facts(), &twice).is_err());
    assert!(store.stored_settings().is_err());
    store.initialise(&settings(), &facts(), &twice[..1]).unwrap();
    assert_eq!(store.nodes().unwrap(), twice[..1]);
    let error = store.initialise(&settings(), &facts(), &[]).unwrap_err();
    assert_eq!(error.fault, Fault::Exists);
}

#[test]
fn equal_values_are_not_written() {
    let store = colony();
    let before = store.connection.total_changes();
    store.store_settings(&settings(), &[]).unwrap();
    assert_eq!(store.connection.total_changes(), before);
}
