//! What a column's values look like when they are read, compared and shown.

use std::fmt::Write;

/// Characters of a value that a person gets to see.
const SHOWN_CHARS: usize = 64;

/// A column as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name in the target.
    pub(super) name: String,
    /// Its name on the side where it is read.
    pub(super) own_name: String,
    /// `int`, `varchar`, … in lower case.
    pub(super) data_type: String,
    /// `int(10) unsigned zerofill`, `enum('a','b')`, …
    pub(super) column_type: String,
    pub(super) charset: Option<String>,
    pub(super) collation: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Real,
    Bit,
    /// ENUM and SET.
    Choice,
    Text,
    Bytes,
    Json,
    Time,
    /// Types whose text the server reads back: `uuid`, `inet6`, …; and those that are never a key.
    Other,
}

impl Column {
    fn kind(&self) -> Kind {
        match self.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "year" => Kind::Number,
            "float" | "double" => Kind::Real,
            "bit" => Kind::Bit,
            "enum" | "set" => Kind::Choice,
            "json" => Kind::Json,
            "date" | "time" | "datetime" | "timestamp" => Kind::Time,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
            _ if self.charset.is_some() => Kind::Text,
            _ => Kind::Other,
        }
    }

    /// See [`tidegate_model::ComparedColumn`].
    pub(super) fn form(&self) -> String {
        match self.kind() {
            Kind::Number => "number".to_owned(),
            Kind::Real => "real".to_owned(),
            Kind::Bit => "bit".to_owned(),
            Kind::Choice => self.column_type.clone(),
            Kind::Text => format!("text {}", unified(self.charset.as_deref().unwrap_or_default())),
            Kind::Bytes => "bytes".to_owned(),
            Kind::Json => "json".to_owned(),
            Kind::Time => "time".to_owned(),
            Kind::Other => self.data_type.clone(),
        }
    }

    /// See [`tidegate_model::ComparedColumn`].
    pub(super) fn order(&self) -> String {
        match self.kind() {
            Kind::Text => unified(self.collation.as_deref().unwrap_or_default()),
            _ => self.form(),
        }
    }

    /// The column in a SELECT. A FLOAT's own text has six digits only, and that of ENUM, SET and BIT is not always theirs.
    ///
    /// Real numbers are multiplied, because adding 0 would lose the sign of -0, which MariaDB does not show even so. The
    /// bits of SET and BIT are or-ed, because adding 0 to a SET calculates in real numbers.
    pub(super) fn expression(&self, exact: bool) -> String {
        let name = self.qualified();
        match self.kind() {
            Kind::Real => format!("IF({name} = 0 AND ATAN2({name}, -1) < 0, '-0', {name} * 1e0)"),
            Kind::Number if self.column_type.contains("zerofill") => format!("{name} + 0"),
            Kind::Bit => format!("{name} | 0"),
            Kind::Choice if exact => format!("{name} | 0"),
            Kind::Choice | Kind::Text if !exact => format!("CONVERT({name} USING utf8mb4)"),
            _ => name,
        }
    }

    /// The column of the table `t`.
    pub(super) fn qualified(&self) -> String {
        format!("t.{}", crate::connect::quote(&self.own_name))
    }

    /// The column where it is compared with [`Column::literal`]. Servers compare a SET with a number as a signed one.
    pub(super) fn operand(&self, exact: bool) -> String {
        if self.is_set() && exact { format!("({} | 0)", self.qualified()) } else { self.qualified() }
    }

    /// No index helps to compare its numbers.
    pub(super) fn is_set(&self) -> bool {
        self.data_type == "set"
    }

    /// A value that was read as [`Column::expression`] says, in a comparison with the column.
    pub(super) fn literal(&self, cell: &[u8], exact: bool) -> String {
        let number = matches!(self.kind(), Kind::Number | Kind::Real | Kind::Bit)
            || self.kind() == Kind::Choice && exact;
        // The value may come from the other side, where the column may be of any type: only what is a number is
        // written as one.
        if number && is_number(cell) {
            let text = String::from_utf8_lossy(cell);
            let real = self.kind() == Kind::Real && !text.contains(['e', 'E']);
            return if real { format!("{text}e0") } else { text.into_owned() };
        }
        let charset = match self.kind() {
            Kind::Text if exact => self.charset.as_deref().unwrap_or("binary"),
            Kind::Bytes => "binary",
            _ => "utf8mb4",
        };
        let mut literal = format!("_{charset} x'");
        push_hex(&mut literal, cell);
        literal.push('\'');
        literal
    }

    /// A value for a person.
    pub(super) fn show(&self, cell: Option<&[u8]>) -> String {
        let Some(cell) = cell else { return "NULL".to_owned() };
        let bare = !matches!(self.kind(), Kind::Text | Kind::Bytes | Kind::Json);
        match std::str::from_utf8(cell) {
            Ok(text) if bare && !text.contains(char::is_control) => text.to_owned(),
            Ok(text) if self.kind() != Kind::Bytes && !text.contains(char::is_control) => {
                let short: String = text.chars().take(SHOWN_CHARS).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                format!("'{}'{dots}", short.replace('\'', "''"))
            }
            _ => {
                let short = &cell[..cell.len().min(SHOWN_CHARS / 2)];
                let mut text = "0x".to_owned();
                push_hex(&mut text, short);
                text + if short.len() < cell.len() { "…" } else { "" }
            }
        }
    }
}

/// `utf8` is called `utf8mb3` by newer servers.
fn unified(name: &str) -> String {
    if name == "utf8" || name.starts_with("utf8_") {
        name.replacen("utf8", "utf8mb3", 1)
    } else {
        name.to_owned()
    }
}

/// Digits with what numbers have around them. Nothing that could be a comment or a name.
fn is_number(cell: &[u8]) -> bool {
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    let inside = |at: usize| match digits[at] {
        b'0'..=b'9' | b'.' => true,
        b'e' | b'E' => at > 0,
        b'+' | b'-' => at > 0 && matches!(digits[at - 1], b'e' | b'E'),
        _ => false,
    };
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.last().is_some_and(u8::is_ascii_digit)
        && (0..digits.len()).all(inside)
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: &str, charset: Option<&str>) -> Column {
        Column {
            name: "a`b".to_owned(),
            own_name: "a`b".to_owned(),
            data_type: data_type.to_owned(),
            column_type: data_type.to_owned(),
            charset: charset.map(str::to_owned),
            collation: charset.map(|charset| format!("{charset}_general_ci")),
        }
    }

    #[test]
    fn literals() {
        let int = column("int", None);
        assert_eq!(int.literal(b"-42", true), "-42");
        for odd in ["", "-", "1 OR 1=1", "1--1", "1e", "0x1f", "--1", "1e5-x", "1/**/"] {
            assert!(int.literal(odd.as_bytes(), true).starts_with("_utf8mb4 x'"), "{odd}");
        }
        let double = column("double", None);
        assert_eq!(
            (double.literal(b"-0", true), double.literal(b"1.5e-7", true)),
            ("-0e0".into(), "1.5e-7".into())
        );
        let text = column("varchar", Some("latin1"));
        assert_eq!(
            (text.literal(b"\xe9", true), text.literal(b"", false)),
            ("_latin1 x'e9'".into(), "_utf8mb4 x''".into())
        );
        assert_eq!(column("date", None).literal(b"2024-01-01", true), "_utf8mb4 x'323032342d30312d3031'");
    }

    #[test]
    fn values_for_a_person() {
        assert_eq!(column("int", None).show(Some(b"7")), "7");
        assert_eq!(column("varchar", Some("utf8mb4")).show(Some("a'é".as_bytes())), "'a''é'");
        assert_eq!(column("varchar", Some("latin1")).show(Some(b"\xe9\n")), "0xe90a");
        assert_eq!(column("blob", None).show(Some(b"ab")), "0x6162");
        assert_eq!(
            column("text", Some("utf8mb4")).show(Some("x".repeat(65).as_bytes())),
            format!("'{}'…", "x".repeat(64))
        );
        assert_eq!(column("int", None).show(None), "NULL");
    }

    #[test]
    fn old_and_new_names_are_one() {
        assert_eq!(column("varchar", Some("utf8")).order(), column("varchar", Some("utf8mb3")).order());
        assert_eq!(column("varchar", Some("utf8")).form(), column("varchar", Some("utf8mb3")).form());
        assert_ne!(column("varchar", Some("utf8mb4")).form(), column("varchar", Some("utf8mb3")).form());
    }
}
