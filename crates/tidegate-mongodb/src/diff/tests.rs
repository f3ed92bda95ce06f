use super::*;
use crate::raw::Builder;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Documents, updates' differences and results as hexadecimal, one update a line: what a server (6.0.5) stored for random
/// documents and updates (operators, pipelines, replacements), and what its change stream said with
/// `showRawUpdateDescription`.
const GOLDEN: &str = include_str!("golden.txt");

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn golden() -> impl Iterator<Item = [Vec<u8>; 3]> {
    GOLDEN.lines().map(|line| {
        let parts: Vec<Vec<u8>> = line.split(' ').map(unhex).collect();
        parts.try_into().expect("three parts a line")
    })
}

fn built(write: impl Fn(&mut Builder)) -> Vec<u8> {
    let mut builder = Builder::new();
    write(&mut builder);
    builder.finish()
}

#[test]
fn updates_come_out_as_the_server_stored_them() {
    let (mut lines, mut bytes) = (0, b"before".to_vec());
    for [document, diff, result] in golden() {
        for tolerant in [false, true] {
            bytes.truncate(6);
            let applied = apply(&document, &diff, tolerant, &mut bytes).unwrap();
            assert_eq!(applied, Applied::Fits, "line {}", lines + 1);
            assert!(bytes[6..] == result, "line {}: {:?}", lines + 1, &bytes[6..]);
        }
        lines += 1;
    }
    assert!(lines >= 100);
}

#[test]
fn a_second_time_changes_nothing_for_the_tolerant() {
    for [_, diff, result] in golden() {
        let mut again = Vec::new();
        assert_eq!(apply(&result, &diff, true, &mut again).unwrap(), Applied::Fits);
    }
}

/// `expected`: `None` where an exact application finds a misfit; the tolerant result always.
fn check(what: &str, document: &[u8], diff: &[u8], fits: bool, tolerant: &[u8]) {
    let mut out = Vec::new();
    let applied = apply(document, diff, false, &mut out).unwrap();
    assert_eq!(applied, if fits { Applied::Fits } else { Applied::Misfit }, "{what}");
    assert_eq!(out, if fits { tolerant } else { &[] }, "{what}");
    out.clear();
    assert_eq!(apply(document, diff, true, &mut out).unwrap(), Applied::Fits, "{what}");
    assert_eq!(out, tolerant, "{what}: tolerant");
}

#[test]
fn documents() {
    let one = built(|b| _ = b.int32("a", 1).int32("b", 2));
    let change = |section: &'static str, name: &'static str| {
        built(move |b| _ = b.begin_document(section).int32(name, 9).end())
    };
    check("empty", &one, raw::EMPTY, true, &one);
    check("delete", &one, &change("d", "a"), true, &built(|b| _ = b.int32("b", 2)));
    check("delete the missing", &one, &change("d", "c"), false, &one);
    check("update", &one, &change("u", "a"), true, &built(|b| _ = b.int32("a", 9).int32("b", 2)));
    let added = built(|b| _ = b.int32("a", 1).int32("b", 2).int32("c", 9));
    check("update the missing", &one, &change("u", "c"), false, &added);
    check("insert", &one, &change("i", "c"), true, &added);
    check(
        "insert what is there",
        &one,
        &change("i", "a"),
        true,
        &built(|b| _ = b.int32("b", 2).int32("a", 9)),
    );
    let within = built(|b| _ = b.begin_document("sa").begin_document("i").int32("x", 1).end().end());
    let nulled = built(|b| _ = b.value("a", crate::raw::kind::NULL, &[]).int32("b", 2));
    check("within a number", &one, &within, false, &nulled);
    check("within the missing", raw::EMPTY, &within, false, raw::EMPTY);
    let array = built(|b| _ = b.begin_array("a").end());
    check(
        "of a document, within an array",
        &array,
        &within,
        false,
        &built(|b| _ = b.value("a", crate::raw::kind::NULL, &[])),
    );
    let empty_name = built(|b| _ = b.begin_document("s").begin_document("i").int32("", 1).end().end());
    let outer = built(|b| _ = b.begin_document("").end());
    check("no name", &outer, &empty_name, true, &built(|b| _ = b.begin_document("").int32("", 1).end()));
}

#[test]
fn arrays() {
    let array = |values: &'static [i32]| {
        built(move |b| {
            b.begin_array("a");
            values.iter().for_each(|value| _ = b.push(kind::INT32, &value.to_le_bytes()));
        })
    };
    let diff = |write: &dyn Fn(&mut Builder)| {
        built(|b| {
            b.begin_document("sa").flag("a", true);
            write(b);
        })
    };
    check("set", &array(&[1, 2]), &diff(&|b| _ = b.int32("u1", 5)), true, &array(&[1, 5]));
    check("longer", &array(&[1]), &diff(&|b| _ = b.int32("u1", 5).int32("u2", 6)), true, &array(&[1, 5, 6]));
    check("shorter", &array(&[1, 2, 3]), &diff(&|b| _ = b.int32("l", 1)), true, &array(&[1]));
    let padded = built(|b| _ = b.begin_array("a").push(kind::NULL, &[]).push(kind::INT32, &[5, 0, 0, 0]));
    check("beyond the end", &array(&[]), &diff(&|b| _ = b.int32("u1", 5)), true, &padded);
    let nulls = built(|b| _ = b.begin_array("a").push(kind::NULL, &[]).push(kind::NULL, &[]));
    check("shorter than the new length", &array(&[]), &diff(&|b| _ = b.int32("l", 2)), false, &nulls);
    let within = |b: &mut Builder| _ = b.begin_document("s1").begin_document("i").int32("x", 1).end().end();
    check("within the missing", &array(&[]), &diff(&within), false, &nulls);
    let one_null = built(|b| _ = b.begin_array("a").push(kind::INT32, &[1, 0, 0, 0]).push(kind::NULL, &[]));
    check("within a number", &array(&[1, 2]), &diff(&within), false, &one_null);
}

#[test]
fn many_fields_are_found_too() {
    let names: Vec<String> = (0..40).map(|at| format!("f{:02}", at * 7 % 40)).collect();
    let document = built(|b| names.iter().for_each(|name| _ = b.int32(name, 1)));
    let diff = built(|b| {
        b.begin_document("u");
        names.iter().rev().for_each(|name| _ = b.int32(name, 2));
    });
    let expected = built(|b| names.iter().for_each(|name| _ = b.int32(name, 2)));
    check("forty", &document, &diff, true, &expected);
}

#[test]
fn strange_differences_are_refused() {
    let document = built(|b| _ = b.begin_array("a").end().int32("b", 1));
    let within = |write: &dyn Fn(&mut Builder)| {
        built(|b| {
            b.begin_document("sa");
            write(b);
        })
    };
    let deep = |name: &str| {
        let mut bytes = raw::EMPTY.to_vec();
        for _ in 0..5000 {
            bytes = built(|b| _ = b.document(name, &bytes));
        }
        bytes
    };
    for (what, document, diff) in [
        ("a section of no kind", document.clone(), built(|b| _ = b.begin_document("x").end())),
        ("a section that is none", document.clone(), built(|b| _ = b.int32("u", 1))),
        ("a difference that is none", document.clone(), built(|b| _ = b.int32("sa", 1))),
        ("an index that is none", document.clone(), within(&|b| _ = b.flag("a", true).int32("u+1", 1))),
        (
            "an index far beyond",
            document.clone(),
            within(&|b| _ = b.flag("a", true).int32("u99999999999", 1)),
        ),
        ("a length below zero", document.clone(), within(&|b| _ = b.flag("a", true).int32("l", -1))),
        ("a length beyond all", document.clone(), within(&|b| _ = b.flag("a", true).int64("l", 1 << 40))),
        ("a wrong order", document.clone(), within(&|b| _ = b.flag("a", true).int32("u1", 1).int32("u0", 1))),
        ("an array that is none", document.clone(), within(&|b| _ = b.flag("a", false))),
        ("too deep", deep("x"), deep("sx")),
    ] {
        let mut out = vec![1];
        let error = apply(&document, &diff, true, &mut out).expect_err(what);
        assert_eq!((error.code(), out), (Code::MalformedLog, vec![1]), "{what}");
    }
}

#[test]
fn hostile_bytes_do_no_harm() {
    let seed = RandomState::new().build_hasher().finish() | 1;
    let mut state = seed;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut out = Vec::new();
    for [mut document, mut diff, _] in golden() {
        for _ in 0..20 {
            let bytes = if random(2) == 0 { &mut document } else { &mut diff };
            let at = random(bytes.len());
            let old = bytes[at];
            bytes[at] = [0, 1, 3, 4, 255, random(256) as u8][random(6)];
            for tolerant in [false, true] {
                out.clear();
                if apply(&document, &diff, tolerant, &mut out).is_err() {
                    assert!(out.is_empty(), "seed {seed}");
                }
            }
            for end in [random(document.len()), 4, 0] {
                _ = apply(&document[..end], &diff[..end.min(diff.len())], true, &mut out);
            }
            let bytes = if at < document.len() && document[at] != old { &mut document } else { &mut diff };
            if random(4) > 0 && at < bytes.len() {
                bytes[at] = old;
            }
        }
    }
}
