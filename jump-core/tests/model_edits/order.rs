//! The order of group policies.

use serde_json::{Value, json};

use crate::scene::Scene;

impl Scene {
    /// The names from the top down; what is shown numbers them 1, 2, 3.
    async fn order(&self) -> String {
        let rows = self.all("group_policy").await;
        for (row, number) in rows.iter().zip(1..) {
            assert_eq!(row["value"]["place"], json!({ "number": number }), "{rows:?}");
        }
        let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        names.join(" ")
    }

    async fn place(&self, name: &str, place: Value) -> String {
        let patch = json!({ "place": place });
        self.edit("group_policy", "edit", name, patch).await.unwrap();
        self.order().await
    }

    /// The positions as the site keeps them.
    fn positions(&self) -> Vec<u32> {
        let world = self.quiet.broker.world();
        let mut positions: Vec<u32> = world.group_policies().map(|policy| policy.position).collect();
        positions.sort_unstable();
        positions
    }
}

#[tokio::test]
async fn equal_positions_are_in_the_order_of_their_numbers_until_something_moves() {
    let scene = Scene::start().await;
    assert_eq!(scene.order().await, "other staff late");
    scene
        .edit("group_policy", "edit", "late", json!({"members": {"bob": true}}))
        .await
        .unwrap();
    assert_eq!(scene.positions(), [7, 10, 10]);
    assert_eq!(scene.place("late", json!("up")).await, "other late staff");
    assert_eq!(scene.positions(), [1, 2, 3]);
}

#[tokio::test]
async fn a_policy_moves_by_one_to_an_end_or_to_a_number() {
    let scene = Scene::start().await;
    for (name, place, order) in [
        ("staff", json!("up"), "staff other late"),
        ("staff", json!("up"), "staff other late"),
        ("staff", json!("down"), "other staff late"),
        ("staff", json!("down"), "other late staff"),
        ("staff", json!("down"), "other late staff"),
        ("staff", json!("top"), "staff other late"),
        ("staff", json!("bottom"), "other late staff"),
        ("staff", json!({"number": 1}), "staff other late"),
        ("staff", json!({"number": 2}), "other staff late"),
        ("staff", json!({"number": 3}), "other late staff"),
        ("other", json!({"number": 4_000_000_000_u32}), "late staff other"),
        ("other", json!({"number": 0}), "other late staff"),
        ("late", json!({"number": 2}), "other late staff"),
    ] {
        assert_eq!(scene.place(name, place.clone()).await, order, "{name} to {place}");
    }
}

#[tokio::test]
async fn a_new_policy_stands_at_the_bottom_unless_it_says_otherwise() {
    let scene = Scene::start().await;
    scene.edit("group_policy", "add", "new", json!({})).await.unwrap();
    assert_eq!(scene.order().await, "other staff late new");
    assert_eq!(scene.positions(), [1, 2, 3, 4]);
    let patch = json!({"place": {"number": 2}});
    scene.edit("group_policy", "add", "second", patch).await.unwrap();
    assert_eq!(scene.order().await, "other second staff late new");
    let patch = json!({"place": "up"});
    scene
        .edit("group_policy", "add", "last but one", patch)
        .await
        .unwrap();
    assert_eq!(scene.order().await, "other second staff late last but one new");
    scene
        .edit("group_policy", "remove", "staff", json!({}))
        .await
        .unwrap();
    assert_eq!(scene.order().await, "other second late last but one new");
}

#[tokio::test]
async fn a_move_changes_the_places_and_nothing_else() {
    let scene = Scene::start().await;
    let patch = json!({"members": {"bob": true}, "roles": {"system": "operator"}, "roles_status": "final"});
    scene.edit("group_policy", "edit", "late", patch).await.unwrap();
    let without_place = |mut value: Value| {
        value.as_object_mut().unwrap().remove("place");
        value
    };
    let before = without_place(scene.shown("group_policy", "late").await);
    scene.place("staff", json!("bottom")).await;
    scene.place("late", json!("top")).await;
    assert_eq!(without_place(scene.shown("group_policy", "late").await), before);
    // A move and a change in one edit.
    let patch = json!({"place": "bottom", "name": "last", "members": {"other": true}});
    scene.edit("group_policy", "edit", "late", patch).await.unwrap();
    assert!(scene.order().await.ends_with(" last"));
    assert_eq!(
        scene.shown("group_policy", "last").await["members"],
        json!({"bob": true, "other": true})
    );
}
