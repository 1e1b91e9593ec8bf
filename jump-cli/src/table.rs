//! Tables that fit the terminal: what is too wide for it is wrapped within its column, between words.

/// Between two columns.
const GAP: &str = "  ";

/// The lines of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its head.
    pub(crate) head: Vec<String>,
    /// Its rows.
    pub(crate) body: Vec<String>,
}

/// Lays out a table. `available` is the width of the terminal; `None` wraps nothing, so that a program gets a row per
/// line.
pub(crate) fn laid_out(head: &[&str], rows: &[Vec<String>], available: Option<usize>) -> Table {
    let column = |at: usize| {
        let cells = rows.iter().filter_map(move |row| row.get(at));
        head.get(at).copied().into_iter().chain(cells.map(String::as_str))
    };
    let widths: Vec<usize> = (0..head.len()).map(|at| widest(column(at))).collect();
    let widths = match available {
        Some(available) => {
            let words = |at| column(at).flat_map(|cell| cell.split(' '));
            let floors: Vec<usize> = (0..head.len()).map(|at| widest(words(at))).collect();
            fitted(&widths, &floors, available)
        }
        None => widths,
    };
    Table {
        head: row_lines(head.iter().copied(), &widths),
        body: rows
            .iter()
            .flat_map(|row| row_lines(row.iter().map(String::as_str), &widths))
            .collect(),
    }
}

fn row_lines<'a>(row: impl Iterator<Item = &'a str>, widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = row
        .zip(widths)
        .map(|(cell, width)| wrapped(cell, *width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    (0..height)
        .map(|at| {
            let parts: Vec<&str> = cells
                .iter()
                .map(|cell| cell.get(at).map_or("", String::as_str))
                .collect();
            line(&parts, widths)
        })
        .collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(length).max().unwrap_or_default()
}

fn line(cells: &[&str], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}", width = *width))
        .collect();
    padded.join(GAP).trim_end().to_owned()
}

/// The widest columns give way first, none below its longest word: what still does not fit is the terminal's to wrap.
fn fitted(widths: &[usize], floors: &[usize], available: usize) -> Vec<usize> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let at_most = |longest: usize| -> Vec<usize> {
        widths
            .iter()
            .zip(floors)
            .map(|(width, floor)| (*width).min(longest.max(*floor)))
            .collect()
    };
    let mut longest = widths.iter().copied().max().unwrap_or_default();
    let mut fitted = at_most(longest);
    while longest > 0 && fitted.iter().sum::<usize>() + gaps > available {
        longest -= 1;
        fitted = at_most(longest);
    }
    fitted
}

/// The text in lines of at most this width, if no word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if length(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    fn all_lines(head: &[&str], rows: &[Vec<String>], available: Option<usize>) -> Vec<String> {
        let Table { mut head, body } = laid_out(head, rows, available);
        head.extend(body);
        head
    }

    #[test]
    fn a_table_that_fits_has_a_line_for_each_row() {
        let rows = rows(&[&["1", "web"], &["12", "database server"]]);
        let wanted = ["ID  NAME", "1   web", "12  database server"];
        assert_eq!(all_lines(&["ID", "NAME"], &rows, Some(80)), wanted);
        assert_eq!(all_lines(&["ID", "NAME"], &rows, None), wanted);
    }

    #[test]
    fn the_widest_column_gives_way_and_no_word_is_cut() {
        let rows = rows(&[&["1", "perm_start, perm_add, perm_remove", "x"]]);
        assert_eq!(
            all_lines(&["ID", "ALLOWS", "Z"], &rows, Some(28)),
            [
                "ID  ALLOWS                 Z",
                "1   perm_start, perm_add,  x",
                "    perm_remove",
            ]
        );
        // Narrower than its words: they stay whole.
        let narrow = laid_out(&["ID", "ALLOWS", "Z"], &rows, Some(5));
        assert_eq!(narrow.body.first().unwrap(), "1   perm_start,  x");
        // A pipe gets a row in a line, however long.
        assert_eq!(laid_out(&["ID", "ALLOWS", "Z"], &rows, None).body.len(), 1);
    }

    #[test]
    fn every_width_from_the_longest_words_on_is_kept() {
        let rows = rows(&[
            &["1", "a bb ccc dddd", "eeeee ffff ggg"],
            &["2", "h", "i j k l m n o p q r s t u v w x y z"],
        ]);
        for width in 20..90 {
            for line in all_lines(&["#", "ONE TWO", "OTHER"], &rows, Some(width)) {
                assert!(length(&line) <= width, "{width}: {line}");
            }
        }
        let narrow = laid_out(&["#", "ONE TWO", "OTHER"], &rows, Some(14));
        assert_eq!(narrow.head, ["#  ONE   OTHER", "   TWO"]);
    }
}
