//! From a text with keys such as `{Return}` and `{Ctrl+c}` to what is pressed.

use jump_core::protocol::{Keysym, ScreenSession};
use jump_core::{Error, ErrorKind, Result};

/// The keys that have names, as `jump type --help` shows them.
pub(crate) const NAMES: &str = "\
Keys in braces are pressed by their names, upper or lower case:
  {Return} or {Enter}, {Tab}, {BackSpace}, {Escape} or {Esc}, {Space},
  {Insert}, {Delete} or {Del}, {Home}, {End}, {PageUp}, {PageDown},
  {Left}, {Right}, {Up}, {Down}, {F1} to {F24}, {Print}, {Pause}, {Menu},
  {CapsLock}, {NumLock}, {ScrollLock},
  {Shift}, {Ctrl}, {Alt}, {AltGr}, {Super} or {Win}, {Meta}
Keys that are held go before a plus: {Ctrl+c}, {Ctrl+Alt+Delete}, {Alt+F4}.
A line end in the text is Return, a tab is Tab. {{ types a {, and }} a }.";

/// A key, and those that are held meanwhile. The numbers are X11 keysyms (X Window System Protocol, appendix A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stroke {
    held: Vec<Keysym>,
    key: Keysym,
}

impl Stroke {
    const fn of(key: Keysym) -> Self {
        Self {
            held: Vec::new(),
            key,
        }
    }

    /// Presses and releases it. Not cancel-safe: keys may stay pressed until the session closes.
    pub(crate) async fn press(&self, screen: &dyn ScreenSession) -> Result<()> {
        for held in &self.held {
            screen.key(*held, true).await?;
        }
        screen.key(self.key, true).await?;
        screen.key(self.key, false).await?;
        for held in self.held.iter().rev() {
            screen.key(*held, false).await?;
        }
        Ok(())
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read the keys", message)
}

/// The strokes that a text with keys in braces means.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a key that has no such name, a brace by itself, and control characters.
pub(crate) fn strokes(text: &str) -> Result<Vec<Stroke>> {
    let mut strokes = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = match character {
            '{' | '}' if after.starts_with(character) => {
                strokes.push(Stroke::of(Keysym::of(character)));
                after.get(1..).unwrap_or_default()
            }
            '{' => {
                let Some((inside, after)) = after.split_once('}') else {
                    return Err(wrong("a { has no }; write {{ to type one".to_owned()));
                };
                strokes.push(chord(inside)?);
                after
            }
            '}' => return Err(wrong("a } has no {; write }} to type one".to_owned())),
            _ => {
                strokes.extend(typed(character, after)?);
                after
            }
        };
    }
    Ok(strokes)
}

/// The strokes that type a text as it is.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for control characters besides line ends and tabs.
pub(crate) fn literal(text: &str) -> Result<Vec<Stroke>> {
    let mut strokes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        strokes.extend(typed(character, rest.as_str())?);
    }
    Ok(strokes)
}

/// The stroke for a character; none for a carriage return before a line feed, which is one line end with it.
fn typed(character: char, after: &str) -> Result<Option<Stroke>> {
    match character {
        '\r' if after.starts_with('\n') => Ok(None),
        '\n' | '\r' | '\t' => Ok(Some(Stroke::of(Keysym::of(character)))),
        _ if character.is_control() => Err(wrong(format!(
            "no key types {}; keys have names, such as {{Escape}}",
            character.escape_unicode()
        ))),
        _ => Ok(Some(Stroke::of(Keysym::of(character)))),
    }
}

/// `Return`, `Ctrl+c`, `Ctrl++`.
fn chord(inside: &str) -> Result<Stroke> {
    let (held, key) = match inside.strip_suffix("++") {
        Some(held) => (held, "+"),
        None => match inside.rsplit_once('+') {
            Some((held, key)) if !key.is_empty() => (held, key),
            _ => ("", inside),
        },
    };
    let held: Vec<Keysym> = match held {
        "" => Vec::new(),
        held => held.split('+').map(modifier).collect::<Result<_>>()?,
    };
    let mut characters = key.chars();
    let key = match (characters.next(), characters.next()) {
        (Some(one), None) if !one.is_control() => {
            // Whoever writes Ctrl+C means no Shift.
            let one = if held.is_empty() {
                one
            } else {
                one.to_ascii_lowercase()
            };
            Keysym::of(one)
        }
        _ => Keysym(named(key).ok_or_else(|| unknown(key))?),
    };
    Ok(Stroke { held, key })
}

fn modifier(name: &str) -> Result<Keysym> {
    let known = named(name).ok_or_else(|| unknown(name))?;
    match known {
        0xffe1..=0xffee | 0xfe03 => Ok(Keysym(known)),
        _ => Err(wrong(format!(
            "`{}` is no key that is held before a +",
            name.escape_debug()
        ))),
    }
}

fn unknown(name: &str) -> Error {
    wrong(format!(
        "there is no key `{}`; `jump type --help` lists them",
        name.escape_debug()
    ))
}

/// The keysym of a key with a name; underscores do not count, as in Page_Up.
fn named(name: &str) -> Option<u32> {
    let name: String = name.chars().filter(|one| *one != '_').collect();
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "return" | "enter" => 0xff0d,
        "tab" => 0xff09,
        "backspace" => 0xff08,
        "escape" | "esc" => 0xff1b,
        "space" => 0x20,
        "insert" | "ins" => 0xff63,
        "delete" | "del" => 0xffff,
        "home" => 0xff50,
        "left" => 0xff51,
        "up" => 0xff52,
        "right" => 0xff53,
        "down" => 0xff54,
        "pageup" => 0xff55,
        "pagedown" => 0xff56,
        "end" => 0xff57,
        "print" => 0xff61,
        "pause" => 0xff13,
        "menu" => 0xff67,
        "capslock" => 0xffe5,
        "numlock" => 0xff7f,
        "scrolllock" => 0xff14,
        "shift" => 0xffe1,
        "ctrl" | "control" => 0xffe3,
        "meta" => 0xffe7,
        "alt" => 0xffe9,
        "super" | "win" => 0xffeb,
        "altgr" => 0xfe03,
        _ => {
            let number: u32 = name.strip_prefix('f')?.parse().ok()?;
            // F1 is 0xffbe, and the others follow.
            (1..=24).contains(&number).then(|| 0xffbd + number)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(Vec<u32>, u32)> {
        let held = |stroke: &Stroke| stroke.held.iter().map(|key| key.0).collect();
        let all = strokes(text).unwrap();
        all.iter().map(|stroke| (held(stroke), stroke.key.0)).collect()
    }

    fn plain(text: &str) -> Vec<u32> {
        keys(text).into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn characters_keys_and_braces_are_typed_in_order() {
        assert_eq!(plain("ls{Return}"), [0x6c, 0x73, 0xff0d]);
        assert_eq!(plain("a\r\nb\n\tc"), [0x61, 0xff0d, 0x62, 0xff0d, 0xff09, 0x63]);
        assert_eq!(plain("{{x}}"), [0x7b, 0x78, 0x7d]);
        assert_eq!(plain("é€"), [0xe9, 0x20ac]);
        assert_eq!(
            plain("{page_up}{F1}{f24}{+}{a}"),
            [0xff55, 0xffbe, 0xffd5, 0x2b, 0x61]
        );
    }

    #[test]
    fn keys_before_a_plus_are_held() {
        assert_eq!(keys("{Ctrl+C}"), [(vec![0xffe3], 0x63)]);
        assert_eq!(keys("{Ctrl+Alt+Delete}"), [(vec![0xffe3, 0xffe9], 0xffff)]);
        assert_eq!(keys("{Ctrl++}"), [(vec![0xffe3], 0x2b)]);
        assert_eq!(keys("{Shift+AltGr+F4}"), [(vec![0xffe1, 0xfe03], 0xffc1)]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in [
            "{",
            "}",
            "a{b",
            "a}b",
            "{}",
            "{Foo}",
            "{F0}",
            "{F25}",
            "{a+b}",
            "{Return+a}",
            "{Ctrl+}",
            "\u{1}",
            "{\n}",
        ] {
            let error = strokes(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn every_name_of_the_help_is_known() {
        let names = NAMES.split('{').skip(1).filter_map(|part| part.split_once('}'));
        let named: Vec<&str> = names
            .map(|(name, _)| name)
            .filter(|name| !name.is_empty())
            .collect();
        assert!(named.len() > 30, "{named:?}");
        for name in named
            .iter()
            .filter(|name| name.chars().all(|one| one.is_alphanumeric() || one == '+'))
        {
            assert!(chord(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_literal_text_has_no_names() {
        let typed = literal("{Return}").unwrap();
        assert_eq!(typed.len(), 8);
        assert!(literal("\u{7}").is_err());
    }
}
