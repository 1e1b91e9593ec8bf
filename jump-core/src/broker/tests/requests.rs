//! Every request that a rep may make, with what it names left open: a kind of request that is not listed here does not compile.

use super::isolation::{draft, user_name};
use super::scene::{a_key, name};
use crate::access::simulate::ItemCursor;
use crate::control::{
    ApprovalAnswer, AssociationDraft, CriteriaDraft, Edit, EditVerb, ExistingEdit, FactorRequest, GateReport,
    ItemDraft, ItemPatch, ItemQuery, Look, MemberQuery, ModelEdit, ModelKind, ModelQuery, NameQuery,
    NamedEdit, PageQuery, RepRequest, ReportRequest, SimulateRequest, TransferRequest, UserEdit, UserPatch,
    VaultRequest,
};
use crate::id::{ApprovalId, GroupId, ItemId, LoginId};
use crate::keys::{Sealed, SealingKey};
use crate::model::{Change, Field, JumpMethods, LoginScope, Name, Placement, Remark, Revision};
use crate::protocol::{Outcome, SessionEvent};
use crate::report::{ReportFilter, ReportKind};
use crate::secret::Secret;
use crate::session::{Credential, CredentialSecret, EndReason};
use crate::store::IdKind;
use crate::vault::{AccountDraft, GroupOrAccount, VaultRole, seal_for_vault};

/// Of what an id or name is that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Of nothing: the request names nothing.
    Nothing,
    Item,
    User,
    Group,
    Jumpoint,
    Login,
    Session,
    Approval,
    /// A Jump Policy.
    Policy,
    SessionPolicy,
    Account,
    AccountGroup,
}

/// A kind of request about a kind of object; the function makes it for an id or name.
pub(super) type Row = (About, fn(&str) -> RepRequest);

/// What kinds there are of a type, and of which kind a value is. The match has no wildcard.
macro_rules! kinds {
    ($function:ident, $all:ident, $type:ident: $($kind:ident)+) => {
        pub(super) const $all: &[&str] = &[$(concat!(stringify!($type), "::", stringify!($kind))),+];

        fn $function(one: &$type) -> &'static str {
            match one {
                $($type::$kind { .. } => concat!(stringify!($type), "::", stringify!($kind))),+
            }
        }
    };
}

kinds!(of_request, REQUESTS, RepRequest:
    Jump Gate Credentials Items FindItems Item Why Sessions Report EndSession Users FindUsers Groups FindGroups Describe
    FindMembers Jumpoints Edit Site RequestApproval AnswerApproval Approvals Simulate Vault SecondFactor Transfer);
kinds!(of_edit, EDITS, Edit:
    AddUser EnableUser RemoveUser InviteLogin RemoveLogin AddGroup RemoveGroup AddMember RemoveMember AddJumpoint
    InviteJumpoint RemoveJumpoint EnableJumpoint GrantJumpoint RevokeJumpoint AddItem EditItem MoveItem CopyItem Model
    Change RemoveItem SetCredential);
kinds!(of_model_edit, MODEL_EDITS, ModelEdit:
    Role JumpPolicy SessionPolicy GroupPolicy Team User Group Jumpoint Site);
kinds!(of_vault, VAULT, VaultRequest:
    Key List Groups Add SetSecret Remove AddGroup RemoveGroup Grant Associate RotateKey CheckOut CheckIn);
kinds!(of_factor, FACTORS, FactorRequest: Begin Confirm Status Reset);
kinds!(of_transfer, TRANSFERS, TransferRequest: Read FreshIds Stage Commit);
kinds!(of_simulate, SIMULATIONS, SimulateRequest: Who What Diff);
kinds!(of_report, REPORTS, ReportKind: Sessions Items Changes);
kinds!(of_description, DESCRIPTIONS, ModelKind:
    Role JumpPolicy SessionPolicy GroupPolicy Team User Group Jumpoint Site);

/// Of which kinds a request is, from the outermost to the innermost.
pub(super) fn kinds_of(request: &RepRequest) -> Vec<&'static str> {
    let mut kinds = vec![of_request(request)];
    match request {
        RepRequest::Edit(edit) => {
            kinds.push(of_edit(edit));
            if let Edit::Model(edit) = edit {
                kinds.push(of_model_edit(edit));
            }
        }
        RepRequest::Vault(request) => kinds.push(of_vault(request)),
        RepRequest::SecondFactor(request) => kinds.push(of_factor(request)),
        RepRequest::Transfer(request) => kinds.push(of_transfer(request)),
        RepRequest::Simulate(request) => kinds.push(of_simulate(request)),
        RepRequest::Report(request) => kinds.push(of_report(&request.kind)),
        RepRequest::Describe(query) => kinds.push(of_description(&query.kind)),
        _ => {}
    }
    kinds
}

fn edit(edit: Edit) -> RepRequest {
    RepRequest::Edit(edit)
}

fn model(edit: ModelEdit) -> RepRequest {
    RepRequest::Edit(Edit::Model(edit))
}

fn named<P: Default>(called: &str) -> NamedEdit<P> {
    NamedEdit {
        verb: EditVerb::Remove,
        name: name(called),
        patch: P::default(),
    }
}

fn existing<P: Default>(called: &str) -> ExistingEdit<P> {
    ExistingEdit {
        name: name(called),
        patch: P::default(),
    }
}

fn described(kind: ModelKind, called: Option<&str>) -> RepRequest {
    RepRequest::Describe(ModelQuery {
        kind,
        name: called.map(name),
        page: PageQuery::default(),
    })
}

fn found(query: ItemQuery) -> RepRequest {
    RepRequest::FindItems(query)
}

fn patched(item: &str, patch: ItemPatch) -> RepRequest {
    edit(Edit::EditItem {
        item: item.to_owned(),
        patch: Box::new(patch),
    })
}

fn reported(kind: ReportKind, filter: ReportFilter) -> RepRequest {
    RepRequest::Report(ReportRequest {
        kind,
        filter,
        from: Default::default(),
        open: Vec::new(),
    })
}

fn about_user(kind: ReportKind, user: &str) -> RepRequest {
    let user = Some(user.to_owned());
    reported(
        kind,
        ReportFilter {
            user,
            ..ReportFilter::default()
        },
    )
}

fn about_item(kind: ReportKind, item: &str) -> RepRequest {
    let item = Some(item.to_owned());
    reported(
        kind,
        ReportFilter {
            item,
            ..ReportFilter::default()
        },
    )
}

fn about_group(kind: ReportKind, group: &str) -> RepRequest {
    let group = Some(group.to_owned());
    reported(
        kind,
        ReportFilter {
            group,
            ..ReportFilter::default()
        },
    )
}

fn sealed(account: &str) -> Sealed {
    let credential = Credential {
        username: "root".to_owned(),
        secret: CredentialSecret::Password(Secret::new("secret".to_owned())),
    };
    seal_for_vault(
        &SealingKey::generate().unwrap().public(),
        &name(account),
        &credential,
    )
    .unwrap()
}

fn associated(on: GroupOrAccount, criteria: CriteriaDraft) -> RepRequest {
    let with = Some(AssociationDraft::Criteria(Box::new(criteria)));
    RepRequest::Vault(VaultRequest::Associate { on, with })
}

fn answered(request: &str, answer: ApprovalAnswer) -> RepRequest {
    RepRequest::AnswerApproval {
        request: ApprovalId::new(number(request)).unwrap(),
        answer,
        comments: Remark::default(),
    }
}

fn invited(user: &str, scope: LoginScope) -> RepRequest {
    edit(Edit::InviteLogin {
        user: user_name(user),
        scope,
        limits: Default::default(),
    })
}

/// The id behind a name such as `item-here`, for requests that take ids only.
fn number(text: &str) -> u32 {
    text.parse().unwrap_or(4711)
}

fn item_id(text: &str) -> ItemId {
    ItemId::new(number(text)).unwrap()
}

fn added(change: impl FnOnce(&mut ItemDraft)) -> RepRequest {
    let mut draft = draft("mine", "berlin");
    change(&mut draft);
    edit(Edit::AddItem(Box::new(draft)))
}

fn joined(group: &str, user: &str, role: Option<Name>, policy: Option<Name>) -> RepRequest {
    edit(Edit::AddMember {
        group: name(group),
        user: user_name(user),
        role,
        policy,
    })
}

/// Requests about items, on top of the others: each names an item by id, by name or as `group/name`.
const ABOUT_ITEMS: &[Row] = &[
    (About::Item, |item| RepRequest::Jump {
        item: item.into(),
        session_key: a_key(),
        credential: None,
        supplied: Default::default(),
        gates: false,
    }),
    (About::Item, |item| RepRequest::Credentials { item: item.into() }),
    (About::Item, |item| RepRequest::Item { item: item.into() }),
    (About::Item, |item| RepRequest::Why {
        user: None,
        item: item.into(),
        at: None,
    }),
    (About::Item, |item| RepRequest::Why {
        user: Some(user_name("alice")),
        item: item.into(),
        at: None,
    }),
    (About::Item, |item| RepRequest::RequestApproval {
        item: item.into(),
        start: None,
        duration_seconds: None,
        reason: Remark::default(),
    }),
    (About::Item, |item| {
        let name = Some(item.to_owned());
        found(ItemQuery {
            name,
            ..ItemQuery::default()
        })
    }),
    (About::Item, |item| {
        let search = Some(item.to_owned());
        found(ItemQuery {
            search,
            ..ItemQuery::default()
        })
    }),
    (About::Item, |item| patched(item, ItemPatch::default())),
    (About::Item, |item| {
        let name = Some(name("x"));
        patched(
            item,
            ItemPatch {
                name,
                ..ItemPatch::default()
            },
        )
    }),
    (About::Item, |item| {
        edit(Edit::MoveItem {
            item: item.into(),
            group: name("mine"),
        })
    }),
    (About::Item, |item| {
        edit(Edit::CopyItem {
            item: item.into(),
            group: name("mine"),
            name: Some(name("copied")),
        })
    }),
    (About::Item, |item| edit(Edit::RemoveItem { item: item.into() })),
    (About::Item, |item| {
        edit(Edit::SetCredential {
            item: item_id(item),
            credential: None,
        })
    }),
    (About::Item, |item| {
        edit(Edit::Change {
            changes: vec![Change::RemoveItem(item_id(item))],
            dry_run: true,
        })
    }),
    (About::Item, |item| {
        RepRequest::Simulate(SimulateRequest::Who {
            item: item.into(),
            denied: true,
            look: Look::first(None, 10),
        })
    }),
    (About::Item, |item| {
        RepRequest::Simulate(SimulateRequest::Diff {
            changes: vec![Change::RemoveItem(item_id(item))],
            look: Look::first(None, 10),
        })
    }),
    (About::Item, |item| {
        RepRequest::Transfer(TransferRequest::Stage {
            first: true,
            changes: vec![Change::RemoveItem(item_id(item))],
        })
    }),
    (About::Item, |item| {
        associated(
            GroupOrAccount::Account(name("own")),
            CriteriaDraft {
                jump_items: vec![item.into()],
                ..CriteriaDraft::default()
            },
        )
    }),
    (About::Item, |item| about_item(ReportKind::Sessions, item)),
    (About::Item, |item| about_item(ReportKind::Items, item)),
    (About::Item, |item| about_item(ReportKind::Changes, item)),
];

const ABOUT_PEOPLE: &[Row] = &[
    (About::User, |user| RepRequest::Why {
        user: Some(user_name(user)),
        item: "m-1".into(),
        at: None,
    }),
    (About::User, |user| {
        edit(Edit::AddUser {
            name: user_name(user),
            administrator: false,
            allowed_methods: JumpMethods::all(),
            default_role: None,
        })
    }),
    (About::User, |user| {
        edit(Edit::EnableUser {
            name: user_name(user),
            enabled: false,
        })
    }),
    (About::User, |user| {
        edit(Edit::RemoveUser {
            name: user_name(user),
        })
    }),
    (About::User, |user| invited(user, LoginScope::Sessions)),
    (About::User, |user| invited(user, LoginScope::Everything)),
    (About::User, |user| joined("mine", user, None, None)),
    (About::User, |user| {
        edit(Edit::RemoveMember {
            group: name("mine"),
            user: user_name(user),
        })
    }),
    (About::User, |user| {
        edit(Edit::GrantJumpoint {
            jumpoint: name("berlin"),
            user: user_name(user),
        })
    }),
    (About::User, |user| {
        edit(Edit::RevokeJumpoint {
            jumpoint: name("berlin"),
            user: user_name(user),
        })
    }),
    (About::User, |user| {
        let (name, patch) = (user_name(user), UserPatch::default());
        model(ModelEdit::User(UserEdit { name, patch }))
    }),
    (About::User, |user| described(ModelKind::User, Some(user))),
    (About::User, |user| {
        let search = Some(user.to_owned());
        RepRequest::FindUsers(NameQuery {
            search,
            ..NameQuery::default()
        })
    }),
    (About::User, |user| {
        RepRequest::Simulate(SimulateRequest::What {
            user: Some(user_name(user)),
            denied: true,
            look: Look::first(None, 10),
        })
    }),
    (About::User, |user| {
        RepRequest::Vault(VaultRequest::Grant {
            on: GroupOrAccount::Account(name("own")),
            user: user_name(user),
            role: Some(VaultRole::Inject),
        })
    }),
    (About::User, |user| {
        RepRequest::Vault(VaultRequest::CheckIn {
            account: name("own"),
            user: Some(user_name(user)),
        })
    }),
    (About::User, |user| {
        RepRequest::SecondFactor(FactorRequest::Reset {
            user: user_name(user),
        })
    }),
    (About::User, |user| about_user(ReportKind::Sessions, user)),
    (About::User, |user| about_user(ReportKind::Items, user)),
    (About::User, |user| about_user(ReportKind::Changes, user)),
    (About::Login, |login| {
        edit(Edit::RemoveLogin {
            login: LoginId::new(number(login)).unwrap(),
        })
    }),
    (About::Session, |session| {
        RepRequest::Gate(GateReport::Started {
            session: session.parse().unwrap(),
        })
    }),
    (About::Session, |session| {
        RepRequest::Gate(GateReport::Event {
            session: session.parse().unwrap(),
            number: 1,
            event: SessionEvent::ShellStarted,
        })
    }),
    (About::Session, |session| {
        RepRequest::Gate(GateReport::Ended {
            session: session.parse().unwrap(),
            outcome: Outcome::nothing_moved(EndReason::TargetClosed),
            recording: None,
        })
    }),
    (About::Session, |session| RepRequest::EndSession {
        session: session.parse().unwrap(),
    }),
    (About::Session, |session| {
        reported(
            ReportKind::Sessions,
            ReportFilter {
                session: Some(session.parse().unwrap()),
                ..ReportFilter::default()
            },
        )
    }),
    (About::Approval, |one| answered(one, ApprovalAnswer::Approve)),
    (About::Approval, |one| answered(one, ApprovalAnswer::Deny)),
    (About::Approval, |one| answered(one, ApprovalAnswer::Cancel)),
    (About::Approval, |one| answered(one, ApprovalAnswer::Revoke)),
];

const ABOUT_PLACES: &[Row] = &[
    (About::Group, |group| {
        let group = Some(group.to_owned());
        found(ItemQuery {
            group,
            ..ItemQuery::default()
        })
    }),
    (About::Group, |group| {
        let search = Some(group.to_owned());
        RepRequest::FindGroups(NameQuery {
            search,
            ..NameQuery::default()
        })
    }),
    (About::Group, |group| {
        RepRequest::FindMembers(MemberQuery {
            group: name(group),
            page: PageQuery::default(),
        })
    }),
    (About::Group, |group| {
        edit(Edit::AddGroup {
            name: name(group),
            comments: Default::default(),
        })
    }),
    (About::Group, |group| {
        edit(Edit::RemoveGroup { name: name(group) })
    }),
    (About::Group, |group| joined(group, "kim", None, None)),
    (About::Group, |group| {
        edit(Edit::RemoveMember {
            group: name(group),
            user: user_name("kim"),
        })
    }),
    (About::Group, |group| described(ModelKind::Group, Some(group))),
    (About::Group, |group| added(|draft| draft.group = name(group))),
    (About::Group, |group| {
        edit(Edit::MoveItem {
            item: "m-1".into(),
            group: name(group),
        })
    }),
    (About::Group, |group| {
        edit(Edit::CopyItem {
            item: "m-1".into(),
            group: name(group),
            name: None,
        })
    }),
    (About::Group, |group| model(ModelEdit::Group(existing(group)))),
    (About::Group, |group| {
        associated(
            GroupOrAccount::Account(name("own")),
            CriteriaDraft {
                shared_jump_groups: vec![name(group)],
                ..CriteriaDraft::default()
            },
        )
    }),
    (About::Group, |group| about_group(ReportKind::Sessions, group)),
    (About::Group, |group| about_group(ReportKind::Items, group)),
    (About::Group, |group| about_group(ReportKind::Changes, group)),
    (About::Jumpoint, |jumpoint| {
        let jumpoint = Some(jumpoint.to_owned());
        found(ItemQuery {
            jumpoint,
            ..ItemQuery::default()
        })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::AddJumpoint { name: name(jumpoint) })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::InviteJumpoint { name: name(jumpoint) })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::RemoveJumpoint { name: name(jumpoint) })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::EnableJumpoint {
            name: name(jumpoint),
            enabled: false,
        })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::GrantJumpoint {
            jumpoint: name(jumpoint),
            user: user_name("kim"),
        })
    }),
    (About::Jumpoint, |jumpoint| {
        edit(Edit::RevokeJumpoint {
            jumpoint: name(jumpoint),
            user: user_name("kim"),
        })
    }),
    (About::Jumpoint, |jumpoint| {
        added(|draft| draft.jumpoint = Some(name(jumpoint)))
    }),
    (About::Jumpoint, |jumpoint| {
        let jumpoint = Some(name(jumpoint));
        patched(
            "m-1",
            ItemPatch {
                jumpoint,
                ..ItemPatch::default()
            },
        )
    }),
    (About::Jumpoint, |jumpoint| {
        model(ModelEdit::Jumpoint(existing(jumpoint)))
    }),
    (About::Jumpoint, |jumpoint| {
        described(ModelKind::Jumpoint, Some(jumpoint))
    }),
];

const ABOUT_POLICIES: &[Row] = &[
    (About::Policy, |policy| {
        described(ModelKind::JumpPolicy, Some(policy))
    }),
    (About::Policy, |policy| {
        model(ModelEdit::JumpPolicy(Box::new(named(policy))))
    }),
    (About::Policy, |policy| {
        joined("mine", "kim", None, Some(name(policy)))
    }),
    (About::SessionPolicy, |policy| {
        described(ModelKind::SessionPolicy, Some(policy))
    }),
    (About::SessionPolicy, |policy| {
        model(ModelEdit::SessionPolicy(named(policy)))
    }),
    (About::Account, |account| {
        let draft = AccountDraft::new(name(account));
        let secret = sealed(account);
        RepRequest::Vault(VaultRequest::Add { draft, secret })
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::SetSecret {
            account: name(account),
            secret: sealed(account),
        })
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::Remove {
            account: name(account),
        })
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::Grant {
            on: GroupOrAccount::Account(name(account)),
            user: user_name("kim"),
            role: Some(VaultRole::InjectAndCheckout),
        })
    }),
    (About::Account, |account| {
        associated(GroupOrAccount::Account(name(account)), CriteriaDraft::default())
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::CheckOut {
            account: name(account),
            key: SealingKey::generate().unwrap().public(),
        })
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::CheckIn {
            account: name(account),
            user: None,
        })
    }),
    (About::Account, |account| {
        RepRequest::Vault(VaultRequest::CheckIn {
            account: name(account),
            user: Some(user_name("kim")),
        })
    }),
    (About::Account, |account| RepRequest::Jump {
        item: "m-1".into(),
        session_key: a_key(),
        credential: Some(account.into()),
        supplied: Default::default(),
        gates: false,
    }),
    (About::AccountGroup, |group| {
        RepRequest::Vault(VaultRequest::AddGroup {
            name: name(group),
            description: Default::default(),
        })
    }),
    (About::AccountGroup, |group| {
        RepRequest::Vault(VaultRequest::RemoveGroup { name: name(group) })
    }),
    (About::AccountGroup, |group| {
        RepRequest::Vault(VaultRequest::Grant {
            on: GroupOrAccount::Group(name(group)),
            user: user_name("kim"),
            role: Some(VaultRole::InjectAndCheckout),
        })
    }),
    (About::AccountGroup, |group| {
        associated(GroupOrAccount::Group(name(group)), CriteriaDraft::default())
    }),
];

const ABOUT_NOTHING: &[Row] = &[
    (About::Nothing, |_| RepRequest::Items),
    (About::Nothing, |_| found(ItemQuery::default())),
    (About::Nothing, |_| RepRequest::Sessions {
        active_only: false,
        limit: 1000,
    }),
    (About::Nothing, |_| RepRequest::Sessions {
        active_only: true,
        limit: 1000,
    }),
    (About::Nothing, |_| RepRequest::Users),
    (About::Nothing, |_| RepRequest::FindUsers(NameQuery::default())),
    (About::Nothing, |_| RepRequest::Groups),
    (About::Nothing, |_| RepRequest::FindGroups(NameQuery::default())),
    (About::Nothing, |_| RepRequest::Jumpoints),
    (About::Nothing, |_| RepRequest::Site),
    (About::Nothing, |_| RepRequest::Approvals { state: None }),
    (About::Nothing, |_| described(ModelKind::Role, None)),
    (About::Nothing, |_| described(ModelKind::JumpPolicy, None)),
    (About::Nothing, |_| described(ModelKind::SessionPolicy, None)),
    (About::Nothing, |_| described(ModelKind::GroupPolicy, None)),
    (About::Nothing, |_| described(ModelKind::Team, None)),
    (About::Nothing, |_| described(ModelKind::User, None)),
    (About::Nothing, |_| described(ModelKind::Group, None)),
    (About::Nothing, |_| described(ModelKind::Jumpoint, None)),
    (About::Nothing, |_| described(ModelKind::Site, None)),
    (About::Nothing, |_| model(ModelEdit::Role(named("Auditor")))),
    (About::Nothing, |_| {
        model(ModelEdit::GroupPolicy(Box::new(named("staff"))))
    }),
    (About::Nothing, |_| model(ModelEdit::Team(named("team")))),
    (About::Nothing, |_| model(ModelEdit::Site(Default::default()))),
    (About::Nothing, |_| {
        RepRequest::Simulate(SimulateRequest::What {
            user: None,
            denied: true,
            look: Look::first(None, 1000),
        })
    }),
    (About::Nothing, |_| {
        let place = Placement::Shared(GroupId::new(60).unwrap());
        let after = Some(ItemCursor { place, item: None });
        RepRequest::Simulate(SimulateRequest::What {
            user: None,
            denied: true,
            look: Look {
                after,
                ..Look::first(None, 1000)
            },
        })
    }),
    (About::Nothing, |_| {
        reported(ReportKind::Sessions, ReportFilter::default())
    }),
    (About::Nothing, |_| {
        reported(ReportKind::Items, ReportFilter::default())
    }),
    (About::Nothing, |_| {
        reported(ReportKind::Changes, ReportFilter::default())
    }),
    (About::Nothing, |_| RepRequest::Vault(VaultRequest::Key)),
    (About::Nothing, |_| RepRequest::Vault(VaultRequest::List)),
    (About::Nothing, |_| RepRequest::Vault(VaultRequest::Groups)),
    (About::Nothing, |_| RepRequest::Vault(VaultRequest::RotateKey)),
    (About::Nothing, |_| {
        RepRequest::SecondFactor(FactorRequest::Status)
    }),
    (About::Nothing, |_| {
        RepRequest::SecondFactor(FactorRequest::Begin { code: None })
    }),
    (About::Nothing, |_| {
        let code = Field::new("000000x").unwrap();
        RepRequest::SecondFactor(FactorRequest::Confirm { code })
    }),
    (About::Nothing, |_| {
        RepRequest::Transfer(TransferRequest::Read { first: true })
    }),
    (About::Nothing, |_| {
        let kinds = IdKind::ALL.iter().copied().collect();
        RepRequest::Transfer(TransferRequest::FreshIds { kinds })
    }),
    (About::Nothing, |_| {
        let revision = Revision::default();
        RepRequest::Transfer(TransferRequest::Commit { revision })
    }),
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = Row> {
    let tables = [
        ABOUT_ITEMS,
        ABOUT_PEOPLE,
        ABOUT_PLACES,
        ABOUT_POLICIES,
        ABOUT_NOTHING,
    ];
    tables.into_iter().flatten().copied()
}
