//! `jump click`: the pointer on an item's screen.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use jump_core::protocol::PointerButtons;
use jump_core::text::Escaped;

use super::Context;
use crate::connect::ScreenArguments;
use crate::error::Failure;
use crate::screen::with_screen;

const EXAMPLES: &str = "\
Examples:
  jump click desk 100,200
  jump click desk 100,200 --button right
  jump click desk 100,200 --double";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// The pixel, from the left and from the top: 0,0 is the upper left corner
    #[arg(value_name = "X,Y")]
    place: Place,
    /// The button
    #[arg(long, value_enum, default_value = "left")]
    button: Button,
    /// Click twice
    #[arg(long)]
    double: bool,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    x: u32,
    y: u32,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a place is X,Y in pixels, such as 100,200";
        let (x, y) = text.split_once(',').ok_or(wrong)?;
        let number = |part: &str| part.trim().parse().map_err(|_| wrong);
        Ok(Self {
            x: number(x)?,
            y: number(y)?,
        })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Button {
    /// The left one
    Left,
    /// The middle one
    Middle,
    /// The right one
    Right,
    /// The one that leads back
    Back,
    /// The one that leads forward
    Forward,
}

impl From<Button> for PointerButtons {
    fn from(button: Button) -> Self {
        match button {
            Button::Left => Self::LEFT,
            Button::Middle => Self::MIDDLE,
            Button::Right => Self::RIGHT,
            Button::Back => Self::BACK,
            Button::Forward => Self::FORWARD,
        }
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let Place { x, y } = arguments.place;
    let clicks = if arguments.double { 2 } else { 1 };
    let button = PointerButtons::from(arguments.button);
    with_screen(context, &arguments.item, arguments.session, async |screen, _| {
        screen.pointer(x, y, PointerButtons::NONE).await?;
        for _ in 0..clicks {
            screen.pointer(x, y, button).await?;
            screen.pointer(x, y, PointerButtons::NONE).await?;
        }
        Ok(())
    })
    .await?;
    let output = context.output;
    let clicked = if arguments.double {
        "Double-clicked"
    } else {
        "Clicked"
    };
    output.say(format_args!(
        "{clicked} at {x},{y} on {}.",
        Escaped(&arguments.item)
    ))?;
    output.value(&serde_json::json!({ "x": x, "y": y, "clicks": clicks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_two_numbers() {
        assert_eq!("100,200".parse(), Ok(Place { x: 100, y: 200 }));
        for bad in ["", "1", "1,", ",1", "-1,2", "1,2,3", "a,b", "1x2"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
