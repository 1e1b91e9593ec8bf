//! What one may not see is not there: an id or name of another site, one that is hidden, and one that nobody ever had get the
//! same answer, word for word.

use super::super::request::answer;
use super::super::{Broker, Caller};
use super::scene::{Peer, Scene, a_key, jumpoint, name};
use crate::audit::Actor;
use crate::control::{
    ApprovalAnswer, DetailsPatch, Edit, ExistingEdit, GroupPatch, ItemDraft, ItemPatch, ItemQuery,
    JumpointPatch, MemberQuery, ModelEdit, ModelKind, ModelQuery, NamedEdit, PageQuery, RepRequest,
    RolePatch, UserEdit, UserPatch,
};
use crate::error::ErrorKind;
use crate::id::{ApprovalId, GroupId, ItemId, JumpointId, LoginId, PolicyId, SessionPolicyId, UserId};
use crate::keys::SigningKey;
use crate::model::{
    ApprovalRequest, ApprovalState, Change, Hostname, ItemDetails, JumpGroup, JumpItem, JumpPolicy, Jumpoint,
    Login, LoginScope, Membership, Name, Remark, Role, SessionPolicy, ShellJump, User, UserName,
};
use crate::time::Timestamp;

/// What one site has and `kim` does not see there.
pub(super) struct Hidden {
    pub(super) number: u32,
    pub(super) tail: &'static str,
}

/// `kim` has a group of its own with one item; everything else of the scene, and what is added here, is not kim's.
pub(super) async fn site(hidden: &Hidden) -> (Scene, Caller) {
    furnish(Scene::new().await, hidden).await
}

/// The same in a scene that is there already.
pub(super) async fn furnish(scene: Scene, hidden: &Hidden) -> (Scene, Caller) {
    let kim = UserId::new(500).unwrap();
    let mine = GroupId::new(500).unwrap();
    let key = SigningKey::generate().unwrap().public();
    let Hidden { number, tail } = *hidden;
    let of = |text: &str| name(&format!("{text}-{tail}"));
    let user = UserId::new(number).unwrap();
    let group = GroupId::new(number).unwrap();
    let other_jumpoint = JumpointId::new(number).unwrap();
    let policy = PolicyId::new(number).unwrap();
    let item = |id: u32, called: Name, group: GroupId, through: JumpointId| {
        let host = Hostname::new("10.0.0.9").unwrap();
        let details = ItemDetails::ShellJump(ShellJump::ssh(22));
        JumpItem::new(ItemId::new(id).unwrap(), called, group, through, host, details)
    };
    let owner = UserName::new(format!("user-{tail}")).unwrap();
    let changes = vec![
        Change::PutUser(User::new(kim, UserName::new("kim").unwrap())),
        Change::PutLogin(Login {
            id: LoginId::new(500).unwrap(),
            user: kim,
            label: name("device"),
            key,
            scope: LoginScope::Everything,
            expires: None,
            sources: Default::default(),
        }),
        Change::PutGroup(JumpGroup::new(mine, name("mine"))),
        Change::PutMembership(Membership {
            user: kim,
            group: mine,
            role: Some(Role::ADMINISTRATOR),
            policy: None,
        }),
        Change::GrantJumpoint {
            user: kim,
            jumpoint: jumpoint(),
        },
        Change::PutItem(item(500, name("m-1"), mine, jumpoint())),
        Change::PutUser(User::new(user, owner)),
        Change::PutLogin(Login {
            id: LoginId::new(number).unwrap(),
            user,
            label: name("device"),
            key: a_key(),
            scope: LoginScope::Everything,
            expires: None,
            sources: Default::default(),
        }),
        Change::PutGroup(JumpGroup::new(group, of("group"))),
        Change::PutJumpoint(Jumpoint::new(other_jumpoint, of("jumpoint"))),
        Change::PutItem(item(number, of("item"), group, other_jumpoint)),
        Change::PutPolicy(JumpPolicy::new(policy, of("policy"))),
        Change::PutSessionPolicy(SessionPolicy::new(
            SessionPolicyId::new(number).unwrap(),
            of("session"),
        )),
        Change::PutApproval(ApprovalRequest {
            id: ApprovalId::new(number).unwrap(),
            policy,
            item: ItemId::new(number).unwrap(),
            requester: user,
            start: Timestamp::UNIX_EPOCH,
            duration_seconds: 3600,
            reason: Remark::default(),
            state: ApprovalState::Pending,
            answered_by: None,
            comments: Remark::default(),
        }),
    ];
    scene.broker.commit(Actor::System, changes).await.unwrap();
    let caller = Caller::from_login(&scene.broker.world(), &key, None, scene.broker.now()).unwrap();
    (scene, caller)
}

/// The answer, with what was asked for taken out of its words.
pub(super) async fn said(
    broker: &Broker,
    caller: &Caller,
    rep: &Peer,
    request: RepRequest,
    asked: &str,
) -> (Option<ErrorKind>, String) {
    match answer(broker, caller, Some(&rep.connection), request).await {
        Ok(response) => (None, format!("{response:?}").replace(asked, "…")),
        Err(error) => (Some(error.kind()), error.to_string().replace(asked, "…")),
    }
}

pub(super) fn user_name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

pub(super) fn draft(group: &str, jumpoint: &str) -> ItemDraft {
    ItemDraft {
        name: name("new"),
        group: name(group),
        jumpoint: Some(name(jumpoint)),
        hostname: Hostname::new("10.0.0.6").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        jump_policy: None,
        session_policy: None,
        recording: Default::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    }
}

fn patch(item: &str, patch: ItemPatch) -> RepRequest {
    RepRequest::Edit(Edit::EditItem {
        item: item.to_owned(),
        patch: Box::new(patch),
    })
}

type Ask = fn(&str) -> RepRequest;

/// Everything that names an item.
const ABOUT_ITEMS: &[(&str, Ask)] = &[
    ("item", |item| RepRequest::Item { item: item.into() }),
    ("jump", |item| RepRequest::Jump {
        item: item.into(),
        session_key: a_key(),
        credential: None,
        supplied: Default::default(),
        gates: false,
    }),
    ("credentials", |item| RepRequest::Credentials {
        item: item.into(),
    }),
    ("why", |item| RepRequest::Why {
        user: None,
        item: item.into(),
        at: None,
    }),
    ("why oneself", |item| RepRequest::Why {
        user: Some(user_name("kim")),
        item: item.into(),
        at: None,
    }),
    ("why another", |item| RepRequest::Why {
        user: Some(user_name("alice")),
        item: item.into(),
        at: None,
    }),
    ("request approval", |item| RepRequest::RequestApproval {
        item: item.into(),
        start: None,
        duration_seconds: None,
        reason: Remark::default(),
    }),
    ("edit", |item| {
        patch(
            item,
            ItemPatch {
                name: Some(name("x")),
                ..ItemPatch::default()
            },
        )
    }),
    ("edit nothing", |item| patch(item, ItemPatch::default())),
    ("edit with a policy that is not there", |item| {
        patch(
            item,
            ItemPatch {
                jump_policy: Some(Some(name("none"))),
                ..ItemPatch::default()
            },
        )
    }),
    ("edit what the type does not have", |item| {
        let details = DetailsPatch {
            kerberos: Some(true),
            ..DetailsPatch::default()
        };
        patch(
            item,
            ItemPatch {
                details,
                ..ItemPatch::default()
            },
        )
    }),
    ("move", |item| {
        RepRequest::Edit(Edit::MoveItem {
            item: item.into(),
            group: name("mine"),
        })
    }),
    ("move nowhere", |item| {
        RepRequest::Edit(Edit::MoveItem {
            item: item.into(),
            group: name("nowhere"),
        })
    }),
    ("copy", |item| {
        RepRequest::Edit(Edit::CopyItem {
            item: item.into(),
            group: name("mine"),
            name: None,
        })
    }),
    ("remove", |item| {
        RepRequest::Edit(Edit::RemoveItem { item: item.into() })
    }),
    ("find by name", |item| {
        let name = Some(item.to_owned());
        RepRequest::FindItems(ItemQuery {
            name,
            ..ItemQuery::default()
        })
    }),
    ("search", |item| {
        let search = Some(item.to_owned());
        RepRequest::FindItems(ItemQuery {
            search,
            ..ItemQuery::default()
        })
    }),
];

#[tokio::test]
async fn v11_an_item_one_may_not_see_is_not_there_by_id_by_name_and_by_group() {
    let (here, there) = (
        Hidden {
            number: 60,
            tail: "here",
        },
        Hidden {
            number: 70,
            tail: "else",
        },
    );
    let ((scene, kim), (other, _)) = (site(&here).await, site(&there).await);
    let rep = Peer::new();
    let _jumpoint = scene.connect_jumpoint();
    for [hidden, elsewhere, random] in [
        ["60", "70", "80"],
        ["item-here", "item-else", "item-nope"],
        [
            "group-here/item-here",
            "group-else/item-else",
            "group-nope/item-nope",
        ],
        ["group-here/item-here", "mine/item-here", "mine/item-nope"],
    ] {
        // The ids and names are those of something.
        let at_home = |item: &str| RepRequest::Item { item: item.into() };
        let local = Caller::local();
        assert!(
            answer(&scene.broker, &local, None, at_home(hidden)).await.is_ok(),
            "{hidden}"
        );
        let home = if elsewhere.starts_with("mine/") {
            answer(&scene.broker, &local, None, at_home("item-here")).await
        } else {
            answer(&other.broker, &local, None, at_home(elsewhere)).await
        };
        assert!(home.is_ok(), "{elsewhere}");
        for (what, ask) in ABOUT_ITEMS {
            let nobody = said(&scene.broker, &kim, &rep, ask(random), random).await;
            for asked in [hidden, elsewhere] {
                let one = said(&scene.broker, &kim, &rep, ask(asked), asked).await;
                assert_eq!(one, nobody, "{what} {asked}");
            }
            let lists = ["find by name", "search"].contains(what);
            let wanted = match *what {
                _ if lists => None,
                "why another" => Some(ErrorKind::Denied),
                _ => Some(ErrorKind::NotFound),
            };
            assert_eq!(nobody.0, wanted, "{what}");
        }
    }
}

#[tokio::test]
async fn v11_groups_lists_jumpoints_and_users_one_has_nothing_to_do_with_are_not_there() {
    let here = Hidden {
        number: 60,
        tail: "here",
    };
    let (scene, kim) = site(&here).await;
    let rep = Peer::new();
    let places: &[(&str, Ask)] = &[
        ("add", |group| {
            RepRequest::Edit(Edit::AddItem(Box::new(draft(group, "berlin"))))
        }),
        ("move", |group| {
            RepRequest::Edit(Edit::MoveItem {
                item: "m-1".into(),
                group: name(group),
            })
        }),
        ("copy", |group| {
            RepRequest::Edit(Edit::CopyItem {
                item: "m-1".into(),
                group: name(group),
                name: None,
            })
        }),
        ("find", |group| {
            let group = Some(group.to_owned());
            RepRequest::FindItems(ItemQuery {
                group,
                ..ItemQuery::default()
            })
        }),
        ("members", |group| {
            RepRequest::FindMembers(MemberQuery {
                group: name(group),
                page: PageQuery::default(),
            })
        }),
        ("remove", |group| {
            RepRequest::Edit(Edit::RemoveGroup { name: name(group) })
        }),
        ("edit", |group| {
            let patch = GroupPatch::default();
            let name = name(group);
            RepRequest::Edit(Edit::Model(ModelEdit::Group(ExistingEdit { name, patch })))
        }),
        ("join", |group| {
            RepRequest::Edit(Edit::AddMember {
                group: name(group),
                user: user_name("kim"),
                role: None,
                policy: None,
            })
        }),
    ];
    for [hidden, random] in [
        ["group-here", "group-nope"],
        ["group_here", "group_nope"],
        ["@user-here", "@user-nope"],
        ["group-here", "group-else"],
    ] {
        for (what, ask) in places {
            let one = said(&scene.broker, &kim, &rep, ask(hidden), hidden).await;
            let nobody = said(&scene.broker, &kim, &rep, ask(random), random).await;
            assert_eq!(one, nobody, "{what} {hidden}");
        }
    }
    let jumpoints: &[(&str, Ask)] = &[
        ("add", |jumpoint| {
            RepRequest::Edit(Edit::AddItem(Box::new(draft("mine", jumpoint))))
        }),
        ("edit", |jumpoint| {
            patch(
                "m-1",
                ItemPatch {
                    jumpoint: Some(name(jumpoint)),
                    ..ItemPatch::default()
                },
            )
        }),
        ("find", |jumpoint| {
            let jumpoint = Some(jumpoint.to_owned());
            RepRequest::FindItems(ItemQuery {
                jumpoint,
                ..ItemQuery::default()
            })
        }),
        ("grant", |jumpoint| {
            RepRequest::Edit(Edit::GrantJumpoint {
                jumpoint: name(jumpoint),
                user: user_name("kim"),
            })
        }),
        ("change", |jumpoint| {
            let patch = JumpointPatch::default();
            let name = name(jumpoint);
            RepRequest::Edit(Edit::Model(ModelEdit::Jumpoint(ExistingEdit { name, patch })))
        }),
    ];
    for (what, ask) in jumpoints {
        let one = said(&scene.broker, &kim, &rep, ask("jumpoint-here"), "jumpoint-here").await;
        let nobody = said(&scene.broker, &kim, &rep, ask("jumpoint-nope"), "jumpoint-nope").await;
        assert_eq!(one, nobody, "{what}");
    }
    let users: &[(&str, Ask)] = &[
        ("invite", |user| {
            RepRequest::Edit(Edit::InviteLogin {
                user: user_name(user),
                scope: LoginScope::Sessions,
                limits: Default::default(),
            })
        }),
        ("why", |user| RepRequest::Why {
            user: Some(user_name(user)),
            item: "m-1".into(),
            at: None,
        }),
        ("remove", |user| {
            RepRequest::Edit(Edit::RemoveUser {
                name: user_name(user),
            })
        }),
        ("edit", |user| {
            let (name, patch) = (user_name(user), UserPatch::default());
            RepRequest::Edit(Edit::Model(ModelEdit::User(UserEdit { name, patch })))
        }),
        ("describe", |user| {
            RepRequest::Describe(ModelQuery {
                kind: ModelKind::User,
                name: Some(name(user)),
                page: PageQuery::default(),
            })
        }),
    ];
    for (what, ask) in users {
        let one = said(&scene.broker, &kim, &rep, ask("user-here"), "user-here").await;
        let nobody = said(&scene.broker, &kim, &rep, ask("user-nope"), "user-nope").await;
        assert_eq!(one, nobody, "{what}");
        assert_eq!(one.0, Some(ErrorKind::Denied), "{what}");
    }
}

/// What a request is about, and the request for the object with an id.
type RequestOfId = (&'static str, fn(u32) -> RepRequest);

#[tokio::test]
async fn v11_sessions_approvals_logins_and_policies_of_others_are_not_there() {
    let here = Hidden {
        number: 60,
        tail: "here",
    };
    let (scene, kim) = site(&here).await;
    let rep = Peer::new();
    let _jumpoint = scene.connect_jumpoint();
    let alices = scene.jump(&rep).await.unwrap();
    let live = scene.broker.live_sessions();
    assert_eq!(live.len(), 1, "{alices:?}");
    let random = crate::id::SessionId::random().unwrap();
    let mut ends = Vec::new();
    for session in [live[0], random] {
        let request = RepRequest::EndSession { session };
        ends.push(said(&scene.broker, &kim, &rep, request, &session.to_string()).await);
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0].0, Some(ErrorKind::NotFound));
    assert_eq!(scene.broker.live_sessions(), live, "it still runs");

    for answer in [
        ApprovalAnswer::Approve,
        ApprovalAnswer::Deny,
        ApprovalAnswer::Cancel,
        ApprovalAnswer::Revoke,
    ] {
        let mut answers = Vec::new();
        for id in [60, 70] {
            let request = RepRequest::AnswerApproval {
                request: ApprovalId::new(id).unwrap(),
                answer,
                comments: Remark::default(),
            };
            answers.push(said(&scene.broker, &kim, &rep, request, &id.to_string()).await);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0, Some(ErrorKind::NotFound));
    }

    let of_ids: &[RequestOfId] = &[
        ("remove login", |id| {
            RepRequest::Edit(Edit::RemoveLogin {
                login: LoginId::new(id).unwrap(),
            })
        }),
        ("set credential", |id| {
            RepRequest::Edit(Edit::SetCredential {
                item: ItemId::new(id).unwrap(),
                credential: None,
            })
        }),
        ("change", |id| {
            RepRequest::Edit(Edit::Change {
                changes: vec![Change::RemoveItem(ItemId::new(id).unwrap())],
                dry_run: true,
            })
        }),
    ];
    for (what, ask) in of_ids {
        let one = said(&scene.broker, &kim, &rep, ask(60), "60").await;
        assert_eq!(
            one,
            said(&scene.broker, &kim, &rep, ask(70), "70").await,
            "{what}"
        );
    }

    // Who may set policies anywhere names any of the site; who may not does not learn which there are.
    let bare = Change::PutRole(Role {
        id: crate::id::RoleId::new(30).unwrap(),
        name: name("tagger"),
        description: Default::default(),
        permissions: crate::model::RolePermissions::only(crate::model::RolePermission::EditTag),
    });
    let membership = Change::PutMembership(Membership {
        user: UserId::new(500).unwrap(),
        group: GroupId::new(500).unwrap(),
        role: Some(crate::id::RoleId::new(30).unwrap()),
        policy: None,
    });
    let changes = vec![bare, membership];
    scene.broker.commit(Actor::System, changes).await.unwrap();
    let policies: &[(&str, Ask)] = &[
        ("jump policy", |policy| {
            let jump_policy = Some(Some(name(policy)));
            patch(
                "m-1",
                ItemPatch {
                    jump_policy,
                    ..ItemPatch::default()
                },
            )
        }),
        ("session policy", |policy| {
            let session_policy = Some(Some(name(policy)));
            patch(
                "m-1",
                ItemPatch {
                    session_policy,
                    ..ItemPatch::default()
                },
            )
        }),
        ("role", |role| {
            let verb = crate::control::EditVerb::Remove;
            let (name, patch) = (name(role), RolePatch::default());
            RepRequest::Edit(Edit::Model(ModelEdit::Role(NamedEdit { verb, name, patch })))
        }),
    ];
    for (what, ask) in policies {
        for hidden in ["policy-here", "session-here", "Auditor"] {
            let one = said(&scene.broker, &kim, &rep, ask(hidden), hidden).await;
            let nobody = said(&scene.broker, &kim, &rep, ask("nope"), "nope").await;
            assert_eq!(one, nobody, "{what} {hidden}");
            assert_eq!(one.0, Some(ErrorKind::Denied), "{what} {hidden}");
        }
    }
}

#[tokio::test]
async fn v11_to_an_administrator_what_another_site_has_is_not_there() {
    let (here, there) = (
        Hidden {
            number: 60,
            tail: "here",
        },
        Hidden {
            number: 70,
            tail: "else",
        },
    );
    let ((scene, _), (_other, _)) = (site(&here).await, site(&there).await);
    let local = Caller::local();
    let rep = Peer::new();
    for (what, ask) in ABOUT_ITEMS {
        let one = said(&scene.broker, &local, &rep, ask("item-else"), "item-else").await;
        let nobody = said(&scene.broker, &local, &rep, ask("item-nope"), "item-nope").await;
        assert_eq!(one, nobody, "{what}");
    }
    let by_name: &[(&str, Ask)] = &[
        ("group", |one| {
            RepRequest::Edit(Edit::RemoveGroup { name: name(one) })
        }),
        ("jumpoint", |one| {
            RepRequest::Edit(Edit::RemoveJumpoint { name: name(one) })
        }),
        ("user", |one| {
            RepRequest::Edit(Edit::RemoveUser { name: user_name(one) })
        }),
        ("policy", |one| {
            RepRequest::Describe(ModelQuery {
                kind: ModelKind::JumpPolicy,
                name: Some(name(one)),
                page: PageQuery::default(),
            })
        }),
        ("session", |one| {
            RepRequest::Describe(ModelQuery {
                kind: ModelKind::SessionPolicy,
                name: Some(name(one)),
                page: PageQuery::default(),
            })
        }),
    ];
    for (kind, ask) in by_name {
        let (one, nope) = (format!("{kind}-else"), format!("{kind}-nope"));
        let other = said(&scene.broker, &local, &rep, ask(&one), &one).await;
        let nobody = said(&scene.broker, &local, &rep, ask(&nope), &nope).await;
        assert_eq!(other, nobody, "{kind}");
        assert_eq!(other.0, Some(ErrorKind::NotFound), "{kind}");
    }
}
