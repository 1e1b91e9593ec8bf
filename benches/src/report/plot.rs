//! The goals as a picture: one bar each, relative to its limit.

use std::fmt::Write;

use super::{Goal, Report};

const WIDTH: f64 = 900.0;
const NAMES: f64 = 420.0;
const ROW: f64 = 26.0;
const BAR: f64 = 14.0;
const TOP: f64 = 40.0;
/// Bars end here, in limits.
const MOST: f64 = 2.0;

/// An SVG document: bars with whiskers for the spread, a line where the limits are.
pub(super) fn bars(report: &Report) -> String {
    let goals: Vec<&Goal> = report
        .sections
        .iter()
        .flat_map(|section| &section.goals)
        .collect();
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write_bars(&mut svg, &goals);
    svg
}

fn x(share: f64) -> f64 {
    NAMES + (WIDTH - NAMES - 20.0) * share.clamp(0.0, MOST) / MOST
}

fn write_bars(svg: &mut String, goals: &[&Goal]) -> std::fmt::Result {
    let height = TOP + ROW * goals.len() as f64 + 10.0;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    )?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>")?;
    let limit = x(1.0);
    writeln!(
        svg,
        "<text x=\"{limit}\" y=\"18\" text-anchor=\"middle\">the limit</text>\
         <line x1=\"{limit}\" x2=\"{limit}\" y1=\"24\" y2=\"{height}\" stroke=\"#444\" stroke-dasharray=\"4 3\"/>"
    )?;
    for (row, goal) in goals.iter().enumerate() {
        write_bar(svg, goal, TOP + ROW * row as f64)?;
    }
    writeln!(svg, "</svg>")
}

fn write_bar(svg: &mut String, goal: &Goal, y: f64) -> std::fmt::Result {
    let share = |value: f64| x(value / goal.limit);
    let middle = y + BAR / 2.0;
    let colour = if goal.holds() { "#3a7" } else { "#c53" };
    let what = goal.what.replace('&', "&amp;").replace('<', "&lt;");
    let sign = if goal.at_most { "≤" } else { "≥" };
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{what}: {:.2} ({sign} {})</text>",
        NAMES - 8.0,
        middle + 4.0,
        goal.got.median,
        goal.limit
    )?;
    let (start, end) = (x(0.0), share(goal.got.median));
    writeln!(
        svg,
        "<rect x=\"{start}\" y=\"{y}\" width=\"{}\" height=\"{BAR}\" fill=\"{colour}\"/>",
        end - start
    )?;
    let (low, high) = (share(goal.got.min), share(goal.got.max));
    writeln!(
        svg,
        "<path d=\"M{low} {middle}H{high}M{low} {}v8M{high} {}v8\" stroke=\"#000\" fill=\"none\"/>",
        middle - 4.0,
        middle - 4.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Spread;

    #[test]
    fn a_goal_becomes_a_bar_up_to_its_share_of_the_limit() {
        let goal = Goal::at_most(2.0, "a < b", Spread::of(&[1.0, 2.0, 3.0]));
        let mut svg = String::new();
        write_bars(&mut svg, &[&goal]).unwrap();
        assert!(svg.contains("a &lt; b: 2.00 (≤ 2)"), "{svg}");
        assert!(svg.contains(&format!("width=\"{}\"", x(1.0) - x(0.0))), "{svg}");
    }
}
