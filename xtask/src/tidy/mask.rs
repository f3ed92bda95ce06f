//! Blanks out what is not code, so that the rules can search Rust text without parsing it.

/// The same text with comments, strings and character literals replaced by spaces. Line breaks stay, so
/// line numbers do too.
pub(crate) fn code(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut masked = letters.clone();
    let mut at = 0;
    while at < letters.len() {
        let end = literal_end(&letters, at);
        for letter in &mut masked[at..end] {
            if *letter != '\n' {
                *letter = ' ';
            }
        }
        at = end.max(at + 1);
    }
    masked.into_iter().collect()
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(letters: &[char], at: usize) -> usize {
    let next = |offset: usize| letters.get(at + offset).copied().unwrap_or(' ');
    let in_word = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
    match letters[at] {
        '/' if next(1) == '/' => find(letters, at, |rest| rest[0] == '\n'),
        '/' if next(1) == '*' => block_comment_end(letters, at),
        '"' => string_end(letters, at + 1),
        '\'' => character_end(letters, at),
        'r' if !in_word => raw_string_end(letters, at, at + 1),
        'b' | 'c' if !in_word && next(1) == 'r' => raw_string_end(letters, at, at + 2),
        _ => at,
    }
}

fn find(letters: &[char], from: usize, is_end: impl Fn(&[char]) -> bool) -> usize {
    (from..letters.len()).find(|&at| is_end(&letters[at..])).unwrap_or(letters.len())
}

/// Block comments nest in Rust.
fn block_comment_end(letters: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at + 1 < letters.len() {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    letters.len()
}

fn string_end(letters: &[char], from: usize) -> usize {
    let mut at = from;
    while at < letters.len() && letters[at] != '"' {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(letters.len())
}

/// A character literal; a lifetime also begins with a quote but has no second one two places on.
fn character_end(letters: &[char], at: usize) -> usize {
    if letters.get(at + 1) == Some(&'\\') {
        return (find(letters, at + 3, |rest| rest[0] == '\'') + 1).min(letters.len());
    }
    if letters.get(at + 2) == Some(&'\'') { at + 3 } else { at }
}

/// A raw string whose hashes or opening quote begin at `from`; `start` when there is none.
fn raw_string_end(letters: &[char], start: usize, from: usize) -> usize {
    let hashes = letters[from..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(from + hashes) != Some(&'"') {
        return start;
    }
    let closes = |rest: &[char]| {
        rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|letter| *letter == '#')
    };
    (find(letters, from + hashes + 1, closes) + hashes + 1).min(letters.len())
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn comments_and_literals_become_spaces() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x{\"}") g"#, "f(       ) g"),
            ("r#\"a\"b\"# {", "         {"),
            ("br\"\\\" x", "      x"),
            ("match c { '{' => '\\'', '\\u{7d}' => 'a' }", "match c {     =>     ,          =>     }"),
            ("fn f<'a>(s: &'a str)", "fn f<'a>(s: &'a str)"),
            ("for_r\"x\"", "for_r   "),
            ("\"open", "     "),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
