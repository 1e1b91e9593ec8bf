//! Text is only text.

use jump_core::model::{Change, Comments, Name, Tag};
use jump_core::store::Store;
use jump_testkit::postgres::Postgres;

use super::data::{item, session, site};
use super::open;

/// Quotes, escapes and comments of SQL and of psql, format characters, text that is not text elsewhere
/// (reference/security.md V-01, V-03).
const CORPUS: &[&str] = &[
    "x'); DROP TABLE items; --",
    "\"; DELETE FROM users; --",
    "' OR '1'='1",
    "$1",
    "$$; DROP SCHEMA jump CASCADE; $$",
    "E'\\'' || pg_sleep(10) --",
    "\\'; \\! id",
    "\\x00",
    "\\u0000",
    "%s%n%x{0}",
    "/* */ -- #",
    "a\tb\nc",
    "{\"id\": 1}",
    "NULL",
    "＇；ＤＲＯＰ",
    "Ω≈ç√ 🖥 ß İ ı ſ",
    "\u{c0}\u{27}",
    "\u{10ffff}",
    "\u{fffd}",
];

#[tokio::test]
async fn v03_text_that_looks_like_sql_is_only_text() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server).await;
    store.commit(0, &site()).await.unwrap();
    let mut changes = Vec::new();
    let (mut items, mut sessions) = (Vec::new(), Vec::new());
    for (number, text) in CORPUS.iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let mut item = item(100 + number, 1, 1, "x");
        // What the model does not take as a name cannot reach a store as one.
        item.name = Name::new(text).unwrap_or_else(|_| Name::new(format!("item {number}")).unwrap());
        item.tag = Tag::new(text).unwrap_or_default();
        item.comments = Comments::new(text).unwrap_or_default();
        changes.push(Change::PutItem(item.clone()));
        items.push(item);
        // The names in a session's record are any text at all.
        for text in [(*text).to_owned(), format!("{text}\0\u{1}\u{7f}")] {
            let mut session = session(u8::try_from(2 * number + u32::from(text.contains('\0'))).unwrap());
            session.user_name.clone_from(&text);
            session.item_name.clone_from(&text);
            session.protocol = text;
            store.put_session(&session).await.unwrap();
            sessions.push(session);
        }
    }
    // One by one, and all in one statement.
    for (number, change) in changes.iter().enumerate() {
        store
            .commit(1 + number as u64, std::slice::from_ref(change))
            .await
            .unwrap();
    }
    let fresh = open(&server).await;
    for item in &items {
        assert_eq!(**fresh.load().await.unwrap().item(item.id).unwrap(), *item);
    }
    for session in &sessions {
        assert_eq!(fresh.session(session.id).await.unwrap().as_ref(), Some(session));
    }
    let removed: Vec<_> = items.iter().map(|item| Change::RemoveItem(item.id)).collect();
    let revision = store.load().await.unwrap().revision();
    store.commit(revision, &removed).await.unwrap();
    store.commit(revision + 1, &changes).await.unwrap();
    let world = open(&server).await.load().await.unwrap();
    for item in &items {
        assert_eq!(**world.item(item.id).unwrap(), *item);
    }
    assert_eq!(
        (world.users().count(), world.items().count()),
        (2, 3 + CORPUS.len())
    );
}

#[tokio::test]
async fn items_of_one_commit_are_written_in_its_order() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server).await;
    store.commit(0, &site()).await.unwrap();
    let put = |id, name: &str| Change::PutItem(item(id, 1, 1, name));
    let mut changes: Vec<_> = (10_000..12_100)
        .map(|id| put(id, &format!("item {id}")))
        .collect();
    changes.extend([
        put(20, "a"),
        put(20, "b"),
        put(21, "a"),
        Change::RemoveItem(item(21, 1, 1, "a").id),
        put(22, "a"),
        put(21, "c"),
        put(1, "d"),
        put(23, "shell"),
    ]);
    let mut expected = store.load().await.unwrap();
    expected.apply(&changes).unwrap();
    store.commit(1, &changes).await.unwrap();
    let world = open(&server).await.load().await.unwrap();
    assert_eq!(world.items().count(), 2100 + 3 + 4);
    let (expected, world) = (super::data::facts(&expected), super::data::facts(&world));
    assert!(expected == world);
    assert_eq!(
        store.next_id(jump_core::store::IdKind::Item).await.unwrap(),
        12_100
    );
}
