//! The report as Markdown.

use std::fmt::Write;

use super::{Goal, Report, Section, Table, written};

pub(super) const PICTURE: &str = "benchmarks.svg";

pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "# Benchmarks\n")?;
    writeln!(
        page,
        "Written by `cargo run --release -p jump-benches -- all --publish docs`; do not edit. {}.\n",
        report.machine
    )?;
    writeln!(
        page,
        "Every part is a process of its own. In each round every candidate runs once, in shuffled order. A cell is the\n\
         median over the rounds with the least and the greatest, a ratio is the median of the ratios of each round. CPU is\n\
         user and system time of the processes that carry the bytes, without driver and target. Ratios and CPU are worth\n\
         more than wall-clock figures: all processes share the cores.\n"
    )?;
    if report.sections.iter().any(|section| !section.goals.is_empty()) {
        writeln!(
            page,
            "![Each goal: what was measured, its spread, and the limit]({PICTURE})\n"
        )?;
    }
    for section in &report.sections {
        write_section(page, section)?;
    }
    Ok(())
}

fn write_section(page: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(page, "## {}\n\n{}\n", section.title, section.method)?;
    write_table(page, &section.table)?;
    if section.goals.is_empty() {
        return Ok(());
    }
    let row = |goal: &Goal| {
        vec![
            goal.what.clone(),
            format!("{} {}", if goal.at_most { "≤" } else { "≥" }, goal.limit),
            written(goal.got, 2),
            if goal.holds() { "yes" } else { "**no**" }.to_owned(),
        ]
    };
    let goals = Table {
        head: ["goal", "limit", "measured", "reached"]
            .map(str::to_owned)
            .to_vec(),
        rows: section.goals.iter().map(row).collect(),
    };
    write_table(page, &goals)
}

fn write_table(page: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(page, "| {} |", table.head.join(" | "))?;
    let columns = table.head.len().saturating_sub(1);
    writeln!(page, "|---|{}", "--:|".repeat(columns))?;
    for row in &table.rows {
        writeln!(page, "| {} |", row.join(" | "))?;
    }
    writeln!(page)
}
