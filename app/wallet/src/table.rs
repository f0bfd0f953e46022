//! Aligned tables for people.

use crate::qrn;
use quern_protocol::Amount;

/// A cell: how it is shown, and on which side of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    right: bool,
}

/// A word, on the left.
pub(crate) fn text(value: impl ToString) -> Cell {
    Cell {
        text: printable(&value.to_string()),
        right: false,
    }
}

/// A number, on the right.
pub(crate) fn number(value: impl ToString) -> Cell {
    Cell {
        text: value.to_string(),
        right: true,
    }
}

/// An amount in QRN, on the right.
pub(crate) fn amount(value: Amount) -> Cell {
    number(qrn::show(value))
}

/// A value that may be absent.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> Cell {
    text(value.map_or_else(|| "-".to_owned(), |v| v.to_string()))
}

/// A table under a header; `none` is said instead of an empty one.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<Cell>>, none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let right = |i: usize| rows.iter().all(|row| row.get(i).is_some_and(|cell| cell.right));
    let head = header
        .iter()
        .enumerate()
        .map(|(i, name)| Cell {
            text: (*name).to_owned(),
            right: right(i),
        })
        .collect();
    let all: Vec<Vec<Cell>> = std::iter::once(head).chain(rows).collect();
    lines(&all)
}

/// One record: names on the left, values on the right.
pub(crate) fn sheet(pairs: Vec<(&str, Cell)>) -> String {
    let rows: Vec<Vec<Cell>> = pairs
        .into_iter()
        .map(|(name, value)| {
            vec![
                text(name),
                Cell {
                    right: false,
                    ..value
                },
            ]
        })
        .collect();
    lines(&rows)
}

fn lines(rows: &[Vec<Cell>]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    let line = |row: &Vec<Cell>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| match cell.right {
            true => format!("{:>width$}", cell.text),
            false => format!("{:<width$}", cell.text),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names come from strangers: nothing in them may move the cursor or end a line.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_on_the_right() {
        let rows = vec![
            vec![text("a"), amount(Amount(12_500_000_000)), or_dash(Some(7))],
            vec![
                text("longer"),
                amount(Amount(1_000_000_000_000)),
                or_dash(None::<u64>),
            ],
        ];
        assert_eq!(
            table(&["HOST", "BOND", "X"], rows, "none"),
            "HOST        BOND  X\na       12.5 QRN  7\nlonger  1000 QRN  -"
        );
        assert_eq!(table(&["HOST"], Vec::new(), "no hosts"), "no hosts");
    }

    #[test]
    fn a_record_is_a_list_of_names_and_values() {
        assert_eq!(
            sheet(vec![("host", text("q")), ("capacity", number(5))]),
            "host      q\ncapacity  5"
        );
    }

    #[test]
    fn a_hostile_name_cannot_write_to_the_terminal() {
        assert_eq!(text("a\u{1b}[2J\nb").text, "a\u{fffd}[2J\u{fffd}b");
    }
}
