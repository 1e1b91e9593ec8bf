//! Reading what the model calls by name from the command line.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ipnet::IpNet;
use jump_core::model::{JumpMethod, JumpMethods, RolePermission, Schedule, ScheduleEntry};
use jump_core::session::SessionPermission;
use serde::de::DeserializeOwned;

use crate::error::{Failure, usage};

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
}

/// One of these names, as the model writes them.
pub(crate) fn one_of<T>(names: &[&'static str]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names.to_vec()).try_map(|text| parsed::<T>(&text))
}

/// `yes` or `no`.
pub(crate) fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["yes", "no"]).map(|text| text == "yes")
}

pub(crate) const RECORDING: &[&str] = &["off", "best_effort", "backpressure", "fail_closed"];

/// A Jump Item Role's permission: `perm_start`, or `start` for short.
pub(crate) fn role_permission(text: &str) -> Result<RolePermission, String> {
    let code = |one: &&RolePermission| one.code() == text || one.code().strip_prefix("perm_") == Some(text);
    RolePermission::ALL.iter().find(code).copied().ok_or_else(|| {
        let all: Vec<&str> = RolePermission::ALL.iter().map(|one| one.code()).collect();
        format!("the permissions are {}", all.join(", "))
    })
}

/// What may happen in a session, such as `file_upload`.
pub(crate) fn session_permission(text: &str) -> Result<SessionPermission, String> {
    let wanted = text.replace('-', "_");
    let found = SessionPermission::ALL.iter().find(|one| one.name() == wanted);
    found.copied().ok_or_else(|| {
        let all: Vec<&str> = SessionPermission::ALL.iter().map(|one| one.name()).collect();
        format!("the permissions are {}", all.join(", "))
    })
}

/// A network such as `192.0.2.0/24`, or an address by itself.
pub(crate) fn network(text: &str) -> Result<IpNet, &'static str> {
    let one = |address: IpAddr| IpNet::from(address);
    text.parse()
        .or_else(|_| text.parse().map(one))
        .map_err(|_| "a network is such as 192.0.2.0/24 or 2001:db8::/64, or an address")
}

/// A number of seconds, written so or as `90s`, `15m`, `8h` or `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u32);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.char_indices().next_back() {
            Some((at, 's')) => (text.get(..at), 1),
            Some((at, 'm')) => (text.get(..at), 60),
            Some((at, 'h')) => (text.get(..at), 3600),
            Some((at, 'd')) => (text.get(..at), 86_400),
            _ => (Some(text), 1),
        };
        number
            .and_then(|number| number.parse::<u32>().ok())
            .and_then(|number| number.checked_mul(unit))
            .map(Self)
            .ok_or("a time is seconds, or such as 90s, 15m, 8h or 2d")
    }
}

/// A way to jump, as the command calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Shell Jump
    Shell,
    /// Protocol Tunnel Jump
    Tunnel,
    /// Jump Client
    JumpClient,
    /// Local Jump
    LocalJump,
    /// Remote Jump
    RemoteJump,
    /// Local VNC
    LocalVnc,
    /// Remote VNC
    RemoteVnc,
    /// Local RDP
    LocalRdp,
    /// Remote RDP
    RemoteRdp,
    /// Intel vPro
    Vpro,
}

impl From<Method> for JumpMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Shell => JumpMethod::ShellJump,
            Method::Tunnel => JumpMethod::ProtocolTunnel,
            Method::JumpClient => JumpMethod::JumpClient,
            Method::LocalJump => JumpMethod::LocalJump,
            Method::RemoteJump => JumpMethod::RemoteJump,
            Method::LocalVnc => JumpMethod::LocalVnc,
            Method::RemoteVnc => JumpMethod::RemoteVnc,
            Method::LocalRdp => JumpMethod::LocalRdp,
            Method::RemoteRdp => JumpMethod::RemoteRdp,
            Method::Vpro => JumpMethod::IntelVpro,
        }
    }
}

/// A way to jump, every way, or no way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MethodOrAll {
    One(Method),
    All,
    None,
}

impl FromStr for MethodOrAll {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => return Ok(Self::All),
            "none" => return Ok(Self::None),
            _ => {}
        }
        Method::from_str(text, false).map(Self::One).map_err(|_| {
            let all = Method::value_variants().iter();
            let names: Vec<String> = all
                .filter_map(|one| one.to_possible_value())
                .map(|value| value.get_name().to_owned())
                .collect();
            format!("the methods are {}, or all, or none", names.join(", "))
        })
    }
}

/// The methods that are named.
pub(crate) fn methods(named: &[MethodOrAll]) -> JumpMethods {
    let each = |method: &MethodOrAll| match method {
        MethodOrAll::One(one) => vec![(*one).into()],
        MethodOrAll::All => JumpMethod::ALL.to_vec(),
        MethodOrAll::None => Vec::new(),
    };
    named.iter().flat_map(each).collect()
}

/// The methods in words: `all` for every one.
pub(crate) fn methods_named(methods: JumpMethods) -> String {
    let names: Vec<String> = methods.iter().map(|method| method.to_string()).collect();
    match names.len() {
        0 => "none".to_owned(),
        all if all == JumpMethod::ALL.len() => "all".to_owned(),
        _ => names.join(", "),
    }
}

/// A weekly schedule of windows in a zone.
pub(crate) fn schedule(zone: &str, windows: &[String]) -> Result<Schedule, Failure> {
    let mut entries = Vec::new();
    for window in windows {
        entries.extend(ScheduleEntry::read(window)?);
    }
    Ok(Schedule::new(zone, entries)?)
}

/// What is named, each with what becomes of it; named twice it must be the same.
pub(crate) fn each_once<K: Ord, V: PartialEq>(
    named: impl IntoIterator<Item = (K, V)>,
    show: impl Fn(&K) -> String,
) -> Result<BTreeMap<K, V>, Failure> {
    let mut map = BTreeMap::new();
    for (key, value) in named {
        match map.entry(key) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(before) if *before.get() == value => {}
            Entry::Occupied(before) => {
                return Err(usage(format!(
                    "what is said about `{}` contradicts itself",
                    show(before.key())
                )));
            }
        }
    }
    Ok(map)
}

/// A field that `--clear` may name.
pub(crate) fn clears(cleared: &[String], field: &str) -> bool {
    cleared.iter().any(|one| one == field)
}

/// What becomes of a field that may be given, cleared or left alone.
pub(crate) fn given_or_cleared<T>(
    given: Option<T>,
    cleared: &[String],
    field: &str,
) -> Result<Option<Option<T>>, Failure> {
    match (given, clears(cleared, field)) {
        (Some(_), true) => Err(usage(format!(
            "--{field} and --clear {field} contradict each other"
        ))),
        (Some(value), false) => Ok(Some(Some(value))),
        (None, true) => Ok(Some(None)),
        (None, false) => Ok(None),
    }
}

/// The same for a field that is cleared by emptying it.
pub(crate) fn given_or_emptied<T: Default>(
    given: Option<T>,
    cleared: &[String],
    field: &str,
) -> Result<Option<T>, Failure> {
    Ok(given_or_cleared(given, cleared, field)?.map(Option::unwrap_or_default))
}

/// All of a list, if there is any or it is cleared.
pub(crate) fn whole<T: Clone>(
    given: &[T],
    cleared: &[String],
    field: &str,
) -> Result<Option<Vec<T>>, Failure> {
    let given = (!given.is_empty()).then(|| given.to_vec());
    given_or_emptied(given, cleared, field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("8h", 28_800),
            ("2d", 172_800),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for bad in ["", "m", "-1", "1.5h", "1w", "99999999999", "4294967295m", "é"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_permission_has_its_name() {
        for one in RolePermission::ALL {
            assert_eq!(role_permission(one.code()), Ok(*one));
        }
        assert_eq!(role_permission("start"), Ok(RolePermission::Start));
        assert!(role_permission("perm_fly").unwrap_err().contains("perm_start"));
        for one in SessionPermission::ALL {
            assert_eq!(session_permission(one.name()), Ok(*one));
        }
        assert_eq!(
            session_permission("file-upload"),
            Ok(SessionPermission::FileUpload)
        );
    }

    #[test]
    fn every_method_can_be_named() {
        assert_eq!(Method::value_variants().len(), JumpMethod::ALL.len());
        assert_eq!(methods(&["all".parse().unwrap()]), JumpMethods::all());
        assert_eq!(methods(&["none".parse().unwrap()]), JumpMethods::NONE);
        let two = methods(&["shell".parse().unwrap(), "vpro".parse().unwrap()]);
        assert_eq!(two.iter().count(), 2);
        assert!("fly".parse::<MethodOrAll>().unwrap_err().contains("remote-rdp"));
    }
}
