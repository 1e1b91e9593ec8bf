//! What a change would change: exactly what two full tables would show.

use jump_core::access::simulate::{DiffCursor, Difference, Kind, Proposal, Question, Window, answer};
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{Change, World};
use jump_testkit::random_world::RandomSite;

use crate::{Scene, on_random_sites, pairs};

/// Some change of the kinds that remove or take away; it need not be possible.
fn removal(scene: &mut Scene<'_>) -> Change {
    let number = |scene: &mut Scene<'_>| 1 + scene.random.below(4) as u32;
    let one = number(scene);
    let user = UserId::new(number(scene)).unwrap();
    match scene.random.below(20) {
        0 | 14 | 15 => Change::RemoveUser(user),
        1 => Change::RemoveGroup(GroupId::new(one).unwrap()),
        2 => Change::RemoveJumpoint(JumpointId::new(one).unwrap()),
        3 => Change::RemoveItem(ItemId::new(one).unwrap()),
        4 | 5 => Change::RemoveMembership {
            user,
            group: GroupId::new(one).unwrap(),
        },
        6 => Change::RevokeJumpoint {
            user,
            jumpoint: JumpointId::new(one).unwrap(),
        },
        7 => Change::GrantJumpoint {
            user,
            jumpoint: JumpointId::new(one).unwrap(),
        },
        8 => Change::RemoveRole(RoleId::new(4 + one).unwrap()),
        9 => Change::RemovePolicy(PolicyId::new(one).unwrap()),
        10 => Change::RemoveSessionPolicy(SessionPolicyId::new(one).unwrap()),
        11 => Change::RemoveGroupPolicy(GroupPolicyId::new(9 - one).unwrap()),
        12 => Change::RemoveTeam(TeamId::new(one.min(2)).unwrap()),
        _ => {
            let mut requests: Vec<ApprovalId> = scene.world.approvals().map(|request| request.id).collect();
            requests.sort();
            let missing = ApprovalId::new(one).unwrap();
            Change::RemoveApproval(scene.pick(&requests).unwrap_or(missing))
        }
    }
}

/// One to four changes that can be made to the site: parts of another site, and removals.
fn changes(scene: &mut Scene<'_>) -> Vec<Change> {
    let mut other = RandomSite::new(scene.parts, scene.seed ^ 0x5555_5555);
    let puts: Vec<Change> = other.changes().unwrap().into_iter().flatten().collect();
    let wanted = 1 + scene.random.below(4) as usize;
    let mut world = scene.world.clone();
    let mut made = Vec::new();
    for _ in 0..50 {
        if made.len() == wanted {
            break;
        }
        let change = if scene.one_in(2) {
            removal(scene)
        } else {
            scene.pick(&puts).unwrap()
        };
        if world.apply(std::slice::from_ref(&change)).is_ok() {
            made.push(change);
        }
    }
    made
}

fn found(proposal: &Proposal, question: &Question, most: usize) -> Vec<Difference> {
    let mut window: Window<DiffCursor> = Window::first(most);
    let mut rows = Vec::new();
    loop {
        let page = proposal.differences(question, &window);
        assert!(page.rows.len() <= most);
        rows.extend(page.rows.into_iter().map(|(_, row)| row));
        match page.next {
            Some(next) => window.after = Some(next),
            None => return rows,
        }
    }
}

#[test]
fn a_difference_is_found_where_there_is_one_and_nowhere_else() {
    let mut kinds = [0; 3];
    on_random_sites(4000, |scene| {
        let changes = changes(scene);
        let proposal = Proposal::new(&scene.world, &changes).unwrap();
        let mut after: World = scene.world.clone();
        after.apply(&changes).unwrap();
        let context = if scene.start() {
            scene.contexts()[2]
        } else {
            scene.context
        };
        let question = Question {
            action: scene.action,
            context,
            at: scene.at,
        };
        let mut expected: Vec<Difference> = pairs()
            .filter_map(|(user, item)| {
                let before = answer(&scene.world, user, item, &question);
                let after = answer(&after, user, item, &question);
                (!before.same_effect(&after)).then_some(Difference {
                    user,
                    item,
                    before,
                    after,
                })
            })
            .collect();
        let most = 1 + scene.random.below(4) as usize;
        let mut found = found(&proposal, &question, most);
        for list in [&mut expected, &mut found] {
            list.sort_by_key(|one| (one.user, one.item));
        }
        assert_eq!(found, expected, "seed {}: {changes:#?}", scene.seed);
        for one in found {
            kinds[match one.kind() {
                Kind::Gained => 0,
                Kind::Lost => 1,
                Kind::Changed => 2,
            }] += 1;
        }
    });
    assert!(
        kinds.iter().all(|count| *count > 100),
        "each kind of difference is met: {kinds:?}"
    );
}

#[test]
fn changes_that_cannot_be_made_have_no_differences() {
    on_random_sites(50, |scene| {
        let gone = Change::RemoveItem(ItemId::new(77).unwrap());
        let error = Proposal::new(&scene.world, &[gone]).unwrap_err();
        assert_eq!(error.kind(), jump_core::ErrorKind::NotFound);
    });
}
