//! What the vault holds, as tables.

use jump_core::control::{AccountGroupView, AccountView, CredentialView, GrantView};
use jump_core::vault::{Association, Patterns, Specificity};

use crate::error::Failure;
use crate::output::{Column, Output, moment};

fn granted(grants: &[GrantView]) -> String {
    let one = |grant: &GrantView| format!("{} ({})", grant.user, grant.role);
    grants.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The items, in a few words.
fn items(association: &Association) -> String {
    let criteria = match association {
        Association::AnyJumpItems => return "any".to_owned(),
        Association::NoJumpItems => return "none".to_owned(),
        Association::Criteria(criteria) => criteria,
    };
    let list = |entries: Vec<String>| entries.join(" or ");
    let patterns = |patterns: &Patterns| list(patterns.iter().map(ToString::to_string).collect());
    let kinds = [
        (
            "group",
            list(
                criteria
                    .shared_jump_groups
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ),
        ),
        ("host", patterns(&criteria.host)),
        ("name", patterns(&criteria.name)),
        ("tag", patterns(&criteria.tag)),
        ("comment", patterns(&criteria.comment)),
    ];
    let given = kinds.iter().filter(|(_, entries)| !entries.is_empty());
    let given: Vec<String> = given.map(|(kind, entries)| format!("{kind} {entries}")).collect();
    let direct: Vec<String> = criteria
        .jump_items
        .iter()
        .map(|id| format!("item {id}"))
        .collect();
    let mut all = vec![given.join(", ")];
    all.extend(direct);
    all.retain(|part| !part.is_empty());
    all.join("; ")
}

/// Accounts.
pub(super) fn accounts(output: &Output, accounts: &[AccountView]) -> Result<(), Failure> {
    output.table(
        accounts,
        &[
            Column {
                name: "ID",
                text: |account| account.id.to_string(),
            },
            Column {
                name: "NAME",
                text: |account| account.name.to_string(),
            },
            Column {
                name: "TYPE",
                text: |account| account.kind.to_string(),
            },
            Column {
                name: "USER",
                text: |account| account.username.clone(),
            },
            Column {
                name: "GROUP",
                text: |account| {
                    account
                        .group
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default()
                },
            },
            Column {
                name: "ITEMS",
                text: |account| account.association.as_ref().map(items).unwrap_or_default(),
            },
            Column {
                name: "GRANTED TO",
                text: |account| granted(&account.grants),
            },
            Column {
                name: "YOU MAY",
                text: |account| account.own_role.map(|role| role.to_string()).unwrap_or_default(),
            },
            Column {
                name: "CHECKED OUT BY",
                text: |account| {
                    let one = |checkout: &jump_core::control::CheckoutView| {
                        format!("{} until {}", checkout.user, moment(checkout.until))
                    };
                    account.checked_out.iter().map(one).collect::<Vec<_>>().join(", ")
                },
            },
            Column {
                name: "CHANGED",
                text: |account| moment(account.secret_changed),
            },
        ],
    )
}

/// Account groups.
pub(super) fn groups(output: &Output, groups: &[AccountGroupView]) -> Result<(), Failure> {
    output.table(
        groups,
        &[
            Column {
                name: "ID",
                text: |group| group.id.to_string(),
            },
            Column {
                name: "NAME",
                text: |group| group.name.to_string(),
            },
            Column {
                name: "ACCOUNTS",
                text: |group| group.accounts.to_string(),
            },
            Column {
                name: "ITEMS",
                text: |group| items(&group.association),
            },
            Column {
                name: "GRANTED TO",
                text: |group| granted(&group.grants),
            },
        ],
    )
}

/// Credentials for an item.
pub(super) fn credentials(output: &Output, credentials: &[CredentialView]) -> Result<(), Failure> {
    output.table(
        credentials,
        &[
            Column {
                name: "NAME",
                text: |credential| credential.name.clone(),
            },
            Column {
                name: "ID",
                text: |credential| credential.id.clone(),
            },
            Column {
                name: "FROM",
                text: |credential| credential.provider.clone(),
            },
            Column {
                name: "MEANT FOR",
                text: |credential| {
                    match credential.specificity {
                        Specificity::Direct => "this item",
                        Specificity::Criteria => "items like this",
                        Specificity::Any => "any item",
                    }
                    .to_owned()
                },
            },
        ],
    )
}
