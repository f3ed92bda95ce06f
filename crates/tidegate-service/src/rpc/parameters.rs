//! What a request gives by name: from the query and from the form, whichever client has put it where.

use super::answer::Refusal;
use std::collections::BTreeMap;
use url::form_urlencoded;

pub(super) type Pair = (String, String);

/// More than any request has: a list of many jobs is one of them.
const PAIRS_MAX: usize = 4000;
/// Lines of a page, at most.
const PAGE_MAX: usize = 10_000;

/// Names and values of a query or a form: `+` and `%20` are both a space.
pub(super) fn decode(text: &[u8]) -> Vec<Pair> {
    form_urlencoded::parse(text)
        .take(PAIRS_MAX)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// As RFC 3986 has it: everything but letters, digits and `-_.~`.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
        out
    })
}

/// Parameters by name; names are told apart without regard to case, because clients differ in that.
#[derive(Clone, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// What stands in the form wins.
    pub(super) fn of(query: &[Pair], form: &[Pair]) -> Self {
        let all = query.iter().chain(form);
        Self(all.map(|(name, value)| (name.to_lowercase(), value.clone())).collect())
    }

    /// Its value; an empty one says nothing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// As [`Self::get`], under the first of several names that says something.
    pub(super) fn one_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::new(400, &format!("Missing{name}"), &format!("{name} is mandatory for this action."))
        })
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name).map(|text| flag(text).ok_or_else(|| invalid(name, "write true or false"))).transpose()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let read = |text: &str| text.trim().parse().map_err(|_| invalid(name, "write a number"));
        self.get(name).map(read).transpose()
    }

    /// The page that is asked for, under either name of each: its number, and how many lines it has. All of it by default.
    pub(super) fn page<T>(&self, lines: Vec<T>) -> Result<(usize, Vec<T>), Refusal> {
        let of = |names: [&str; 2]| {
            names.iter().find_map(|name| self.number::<usize>(name).transpose()).transpose()
        };
        let page = of(["PageNo", "PageNumber"])?.unwrap_or(1).max(1);
        let size = of(["PageSize"; 2])?.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        Ok((page, lines.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect()))
    }

    /// A list as JSON text (`["a","b"]`), or with commas.
    pub(super) fn names(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(Vec::new()) };
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).map_err(|_| invalid(name, "write a JSON list of texts"));
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(parts.map(str::to_owned).collect())
    }

    /// `Name.1`, `Name.2`; some write `Name.0` first.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.numbered(name).into_values().filter_map(|mut parts| parts.remove("")).collect()
    }

    /// `Tag.1.Key`, `Tag.1.Value`: one map for each, by the lower-case names of their parts.
    pub(super) fn maps(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        self.numbered(name).into_values().collect()
    }

    fn numbered(&self, name: &str) -> BTreeMap<u32, BTreeMap<String, String>> {
        let mut found: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
        let start = format!("{}.", name.to_lowercase());
        for (key, value) in self.0.range(start.clone()..).take_while(|(key, _)| key.starts_with(&start)) {
            let rest = &key[start.len()..];
            let (number, part) = rest.split_once('.').unwrap_or((rest, ""));
            if let Ok(number) = number.parse() {
                found.entry(number).or_default().insert(part.to_owned(), value.clone());
            }
        }
        found
    }

    /// All of it, by names in lower case.
    pub(super) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// `True`, `true`, `1`: every client has its own.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "y" | "yes" => Some(true),
        "false" | "0" | "n" | "no" => Some(false),
        _ => None,
    }
}

pub(super) fn invalid(name: &str, why: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidParameter",
        &format!("The value of input parameter {name} is not valid: {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, form: &str) -> Parameters {
        Parameters::of(&decode(query.as_bytes()), &decode(form.as_bytes()))
    }

    #[test]
    fn the_query_and_the_form_are_one_and_the_form_wins() {
        let given = of("DtsJobId=x1&RegionId=a%20b+c&Empty=", "dtsjobid=x2&DbList=%7B%22d%22%3A+1%7D");
        assert_eq!(given.get("DTSJOBID"), Some("x2"));
        assert_eq!(given.get("RegionId"), Some("a b c"));
        assert_eq!(given.get("DbList"), Some(r#"{"d": 1}"#));
        assert_eq!((given.get("Empty"), given.get("None")), (None, None));
        assert_eq!(given.need("Empty").unwrap_err().code, "MissingEmpty");
    }

    #[test]
    fn lists_begin_at_0_or_1() {
        for query in ["ResourceId.1=a&ResourceId.2=b&ResourceIds.3=c", "resourceid.0=a&ResourceId.1=b"] {
            assert_eq!(of(query, "").list("ResourceId"), ["a", "b"], "{query}");
        }
        let tags = of("Tag.1.Key=k1&Tag.1.Value=v1&Tag.10.Key=k3&Tag.2.Key=k2&Tag.2.Value=", "").maps("Tag");
        let keys: Vec<&str> = tags.iter().map(|tag| tag["key"].as_str()).collect();
        assert_eq!(keys, ["k1", "k2", "k3"]);
        assert_eq!((tags[1]["value"].as_str(), tags[2].get("value")), ("", None));
        assert_eq!(of("A=x1, x2,", "").names("A").unwrap(), ["x1", "x2"]);
        assert_eq!(of(r#"A=["x1","x2"]"#, "").names("A").unwrap(), ["x1", "x2"]);
    }

    #[test]
    fn truth_and_numbers() {
        for (text, flag) in [("True", Some(true)), ("false", Some(false)), ("maybe", None)] {
            assert_eq!(of(&format!("A={text}"), "").flag("A").ok().flatten(), flag, "{text}");
        }
        assert_eq!(of("A=15", "").number::<u32>("A").unwrap(), Some(15));
        assert_eq!(of("A=-15", "").number::<u32>("A").unwrap_err().code, "InvalidParameter");
    }

    #[test]
    fn pages() {
        let page = |query: &str| of(query, "").page(vec![1, 2, 3]).unwrap();
        assert_eq!(page(""), (1, vec![1, 2, 3]));
        assert_eq!(page("PageNo=2&PageSize=2"), (2, vec![3]));
        assert_eq!(page("PageNumber=3&PageSize=2"), (3, vec![]));
        assert_eq!(page("PageNo=18446744073709551615&PageSize=2").1, [0; 0]);
    }

    #[test]
    fn encoding() {
        assert_eq!(encode("a b*~é/中&="), "a%20b%2A~%C3%A9%2F%E4%B8%AD%26%3D");
    }
}
