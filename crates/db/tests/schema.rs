//! The twin migrations must make the same schema: tables, columns, types, nullability, unique indexes.
//! Must know no table but the exceptions listed here.

#[path = "../../testkit/src/pg.rs"]
mod pg;

use std::collections::{BTreeMap, BTreeSet};

use pantry_db::{Db, DbOptions};

/// Tables that stand on one engine alone or differ by nature.
const EXCEPTIONS: [&str; 2] = [
    // The source of ids is a sequence on PostgreSQL.
    "counters",
    // The search index: FTS5 on SQLite, an array under GIN on PostgreSQL.
    "node_grams",
];

/// Type and whether it may be NULL, by column.
type Columns = BTreeMap<String, (String, bool)>;
/// Columns, in the order of the index, or the text of an expression; and whether only some rows are covered.
type Uniques = BTreeSet<(String, bool)>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Columns,
    uniques: Uniques,
}

type Schema = BTreeMap<String, Table>;

fn sqlite(path: &std::path::Path) -> Schema {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut schema = Schema::new();
    let mut columns = conn
        .prepare(
            "SELECT t.name, c.name, lower(c.type), c.\"notnull\" OR c.pk > 0, t.type \
             FROM pragma_table_list t, pragma_table_info(t.name) c \
             WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let mut rows = columns.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let column = (row.get(2).unwrap(), !row.get::<_, bool>(3).unwrap());
        schema
            .entry(row.get(0).unwrap())
            .or_default()
            .columns
            .insert(row.get(1).unwrap(), column);
    }
    // A single INTEGER PRIMARY KEY is the row id and has no index of its own.
    let mut keys = conn
        .prepare(
            "SELECT t.name, group_concat(c.name, ',' ORDER BY c.pk) FROM pragma_table_list t, pragma_table_info(t.name) c \
             WHERE t.schema = 'main' AND t.type = 'table' AND c.pk > 0 GROUP BY t.name",
        )
        .unwrap();
    let mut rows = keys.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        if let Some(table) = schema.get_mut(&row.get::<_, String>(0).unwrap()) {
            table.uniques.insert((row.get(1).unwrap(), false));
        }
    }
    let mut indexes = conn
        .prepare(
            "SELECT t.name, i.name, i.partial, group_concat(COALESCE(c.name, '(expression)'), ',' ORDER BY c.seqno) \
             FROM pragma_table_list t, pragma_index_list(t.name) i, pragma_index_info(i.name) c \
             WHERE t.schema = 'main' AND i.\"unique\" GROUP BY t.name, i.name, i.partial",
        )
        .unwrap();
    let mut rows = indexes.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        if let Some(table) = schema.get_mut(&row.get::<_, String>(0).unwrap()) {
            table.uniques.insert((row.get(3).unwrap(), row.get(2).unwrap()));
        }
    }
    schema
}

async fn postgres(url: &str) -> Schema {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut schema = Schema::new();
    let columns = client
        .query(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES', collation_name::text \
             FROM information_schema.columns WHERE table_schema = 'public'",
            &[],
        )
        .await
        .unwrap();
    for row in columns {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        if EXCEPTIONS.contains(&table.as_str()) {
            continue;
        }
        let kind = match row.get::<_, String>(2).as_str() {
            "bigint" => "integer",
            "bytea" => "blob",
            "text" => {
                let collation: Option<String> = row.get(4);
                assert_eq!(
                    collation.as_deref(),
                    Some("C"),
                    "{table}.{column} sorts by the server's locale: write COLLATE \"C\""
                );
                "text"
            }
            other => panic!("{table}.{column} is {other}: only BIGINT, TEXT and BYTEA are portable"),
        };
        schema
            .entry(table)
            .or_default()
            .columns
            .insert(column, (kind.to_owned(), row.get(3)));
    }
    let uniques = client
        .query(
            "SELECT t.relname::text, i.indpred IS NOT NULL, \
                string_agg(COALESCE(a.attname::text, '(expression)'), ',' ORDER BY k.at) \
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
             CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at) \
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum AND k.attnum > 0 \
             WHERE n.nspname = 'public' AND i.indisunique AND k.at <= i.indnkeyatts \
             GROUP BY t.relname, i.indexrelid, i.indpred IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    for row in uniques {
        if let Some(table) = schema.get_mut(&row.get::<_, String>(0)) {
            table.uniques.insert((row.get(2), row.get(1)));
        }
    }
    schema
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.db");
    let url = format!("sqlite:{}", path.display());
    let db = Db::open(&url.parse().unwrap(), DbOptions::default()).await.unwrap();
    db.close().await;
    let database = pg::fresh_database().await;
    let db = Db::open(&database.url.parse().unwrap(), DbOptions::default())
        .await
        .unwrap();
    db.close().await;

    let mut here = sqlite(&path);
    here.retain(|name, _| !EXCEPTIONS.contains(&name.as_str()));
    let there = postgres(&database.url).await;

    assert_eq!(
        here.keys().collect::<Vec<_>>(),
        there.keys().collect::<Vec<_>>(),
        "tables of SQLite and of PostgreSQL"
    );
    assert!(here.contains_key("meta") && here.contains_key("schema_version"));
    let differ: Vec<String> = here
        .iter()
        .filter(|(name, table)| there[*name] != **table)
        .map(|(name, table)| format!("{name}:\n  SQLite     {table:?}\n  PostgreSQL {:?}", there[name]))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
