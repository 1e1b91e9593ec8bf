//! What must hold for any bytes that are taken for a site document. An ordinary test replays the corpus through this.

use jump_core::model::World;
use jump_transfer::{Document, DocumentOptions, Format, FreshIds, Plan, Refusal, plan_document};

/// The first byte chooses the format, the rest is the document.
pub(crate) fn check(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else {
        return;
    };
    let format = if kind % 2 == 0 { Format::Toml } else { Format::Json };
    let Ok(document) = Document::parse(text, format) else {
        return;
    };
    for format in [Format::Toml, Format::Json] {
        let written = document.write(format).expect("it has a form");
        let read = Document::parse(written.as_bytes(), format).expect("what we write, we read");
        assert_eq!(read, document);
    }
    let world = World::new().expect("a world");
    let options = DocumentOptions { prune: true };
    let plan = match plan_document(&world, &document, options, &FreshIds::beyond(&world)) {
        Ok(plan) => plan,
        Err(Refusal::Problems(problems)) => {
            assert!(problems.count() > 0 && !problems.list().is_empty());
            return;
        }
        Err(Refusal::Error(error)) => panic!("{error}"),
    };
    let mut after = world.clone();
    after.apply(&plan.changes).expect("what is planned can be made");
    // What was imported is what is there: once more, and as a whole, it changes nothing.
    let whole = Document::of(&after).expect("it has a form");
    for document in [&document, &whole] {
        let again = plan_document(&after, document, options, &FreshIds::beyond(&after));
        assert_eq!(again.expect("it fits"), Plan::default());
    }
}
