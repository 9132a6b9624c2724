//! Text tables: each column is as wide as its widest cell on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::{Color, Coloring};

/// A column of a table.
pub(super) struct Column {
    pub title: &'static str,
    /// The width that it has at least.
    pub width: usize,
    pub is_number: bool,
}

/// One cell, and its colour if it has one.
pub(super) struct Cell {
    pub text: String,
    pub color: Option<Color>,
}

/// One row, and below it a note that begins at the given column.
pub(super) struct Row {
    pub cells: Vec<Cell>,
    pub note: Option<(usize, String)>,
}

impl Column {
    pub(super) const fn text(title: &'static str, width: usize) -> Column {
        Column {
            title,
            width,
            is_number: false,
        }
    }

    pub(super) const fn number(title: &'static str, width: usize) -> Column {
        Column {
            title,
            width,
            is_number: true,
        }
    }

    /// `text`, filled with spaces to the column's width.
    pub(super) fn pad(&self, text: &str) -> String {
        let missing = " ".repeat(self.width.saturating_sub(text.width()));
        match self.is_number {
            true => missing + text,
            false => text.to_owned() + &missing,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell {
            text: text.into(),
            color: None,
        }
    }
}

impl Cell {
    pub(super) fn colored(text: impl Into<String>, color: Color) -> Cell {
        Cell {
            color: Some(color),
            ..Cell::from(text)
        }
    }
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Row {
        Row { cells, note: None }
    }
}

/// The lines of a table. It has a heading unless no column has a title.
pub(super) fn lines(columns: &[Column], rows: &[Row], style: Coloring) -> Vec<String> {
    let columns: Vec<Column> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.cells.get(index));
            let widest = cells.map(|cell| cell.text.width()).max().unwrap_or_default();
            Column {
                width: widest.max(column.title.width()).max(column.width),
                ..*column
            }
        })
        .collect();
    let join = |cells: Vec<String>| cells.join("  ").trim_end().to_owned();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if columns.iter().any(|column| !column.title.is_empty()) {
        let heading = join(columns.iter().map(|column| column.pad(column.title)).collect());
        lines.push(style.paint(Color::Bold, &heading));
    }
    for row in rows {
        let cells = columns.iter().zip(&row.cells).map(|(column, cell)| {
            let text = column.pad(&cell.text);
            cell.color.map_or(text.clone(), |color| style.paint(color, &text))
        });
        lines.push(join(cells.collect()));
        if let Some((column, note)) = &row.note {
            let indent: usize = columns[..*column].iter().map(|column| column.width + 2).sum();
            lines.push(format!("{:indent$}{note}", ""));
        }
    }
    lines
}

/// The columns that `text` takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The end of the text in at most `width` columns; `…` stands for what is cut.
pub(super) fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut start = text.len();
    let mut used = 1;
    for (place, c) in text.char_indices().rev() {
        used += c.width().unwrap_or_default();
        if used > width {
            break;
        }
        start = place;
    }
    format!("…{}", &text[start..])
}

/// The text, cut to `width` columns; `…` stands for what is cut.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut fitting = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or_default();
        if used > width {
            break;
        }
        fitting.push(c);
    }
    if width > 0 {
        fitting.push('…');
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_to_the_width() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("節点一", 4), "節…");
        assert_eq!((fit("abc", 1).as_str(), fit("abc", 0).as_str()), ("…", ""));
    }

    #[test]
    fn columns_align_by_the_width_on_a_terminal() {
        let columns = [
            Column::text("Name", 0),
            Column::number("Count", 0),
            Column::text("Path", 0),
        ];
        let row = |name: &str, count: &str| Row::from(vec![name.into(), count.into(), "/a".into()]);
        let mut rows = vec![row("節点一", "7"), row("b", "12345678")];
        rows[1].note = Some((1, "a note".to_owned()));
        assert_eq!(
            lines(&columns, &rows, Coloring::Plain),
            [
                "Name       Count  Path",
                "節点一         7  /a",
                "b       12345678  /a",
                "        a note"
            ]
        );
    }
}
