use std::collections::BTreeSet;

use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

fn set(text: &str) -> GtidSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn uuid(first: u8) -> Uuid {
    let mut uuid = [7; 16];
    uuid[0] = first;
    uuid
}

#[test]
fn gtid_text() {
    for (text, canonical) in [
        ("", ""),
        (" \n", ""),
        ("A:1", "A:1"),
        ("A:1-5:7", "A:1-5:7"),
        ("A:7:1-3:4-5", "A:1-5:7"),
        ("A:1-10:3-4", "A:1-10"),
        ("B:1-2,A:5,\nB:3", "A:5,B:1-3"),
        ("A : 1 - 5 : 7 ,\r\n B:1", "A:1-5:7,B:1"),
        (",A:1,,B:1,", "A:1,B:1"),
        ("A:1-3:11:47-49:Domain1:1-3:15-19", "A:1-3:11:47-49:domain1:1-3:15-19"),
        ("A:tag:1-3:tag2:4", "A:tag:1-3:tag2:4"),
        ("A:b:1:a:2,A:5", "A:5:a:2:b:1"),
        ("A:_x_9:1,B:1:_x_9:1", "A:_x_9:1,B:1:_x_9:1"),
        ("A:9223372036854775806", "A:9223372036854775806"),
    ] {
        let full = |text: &str| text.replace('A', A).replace('B', B);
        let parsed = set(&full(text));
        assert_eq!(parsed.to_string(), full(canonical), "{text}");
        assert_eq!(set(&parsed.to_string()), parsed);
        assert_eq!(set(&format!("{parsed:#}")), parsed);
    }
    assert_eq!(format!("{:#}", set(&format!("{A}:1,{B}:2"))), format!("{A}:1,\n{B}:2"));
    assert_eq!(set(&format!("{}:1", A.to_uppercase())), set(&format!("{A}:1")));
    assert_eq!(set(&format!("{{{A}}}:1")), set(&format!("{}:1", A.replace('-', ""))));
}

#[test]
fn gtid_text_errors() {
    for (text, part) in [
        ("x:1", "bad UUID \"x\""),
        ("A", "no interval"),
        ("A:", "bad tag or interval \"\""),
        ("A:0", "bad interval \"0\""),
        ("A:5-4", "bad interval \"5-4\""),
        ("A:1-", "bad interval \"1-\""),
        ("A:1-2-3", "bad interval"),
        ("A:+1", "bad tag"),
        ("A:9223372036854775807", "bad interval"),
        ("A:99999999999999999999", "bad interval"),
        ("A:tag", "no interval"),
        ("A:1:tag:tag2:1", "no interval after tag \"tag\""),
        ("A:tä:1", "bad tag"),
        ("A:a23456789012345678901234567890123:1", "bad tag"),
        ("{A:1", "bad UUID"),
        ("A-:1", "bad UUID"),
    ] {
        let error = text.replace('A', A).parse::<GtidSet>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn adds_in_any_order() {
    let mut set = GtidSet::new();
    for gno in [5, 6, 7, 1, 3, 2, 4, 4, 9, u64::MAX, 0] {
        set.add(&uuid(1), "", gno);
    }
    set.add(&uuid(0), "t", 1);
    set.add(&uuid(1), "", 8);
    set.add(&uuid(1), "", 10);
    let listed: Vec<_> = set.iter().map(|(uuid, tag, list)| (uuid[0], tag, list.to_vec())).collect();
    assert_eq!(listed, [(0, "t", vec![(1, 1)]), (1, "", vec![(1, 10)])]);
    assert!(
        set.contains(&uuid(1), "", 10) && !set.contains(&uuid(1), "", 11) && !set.contains(&uuid(1), "", 0)
    );
    assert!(!set.contains(&uuid(1), "t", 1) && !set.contains(&uuid(2), "", 1));
    set.add_range(&uuid(3), "", 0, u64::MAX);
    set.add(&uuid(3), "", MAX_GNO + 1);
    assert!(set.contains_range(&uuid(3), "", 1, MAX_GNO) && !set.contains(&uuid(3), "", MAX_GNO + 1));
    set.add_range(&uuid(4), "", 5, 4);
    assert!(!set.contains(&uuid(4), "", 5));
}

#[test]
fn subtracting_leaves_a_usable_set() {
    let mut left = set(&format!("{A}:1-10,{B}:5"));
    left.subtract(&set(&format!("{A}:1-10")));
    assert_eq!(left.to_string(), format!("{B}:5"));
    left.subtract(&left.clone());
    assert!(left.is_empty());
    left.add(&uuid(1), "", 1);
    assert!(left.contains(&uuid(1), "", 1));
}

type Model = BTreeSet<(u8, bool, u64)>;

fn random_set(random: &mut Random) -> (GtidSet, Model) {
    let (mut set, mut model) = (GtidSet::new(), Model::new());
    for _ in 0..random.below(12) {
        let (source, tagged) = (random.below(2) as u8, random.below(3) == 0);
        let first = 1 + random.below(30);
        let last = first + random.below(6);
        let tag = if tagged { "t" } else { "" };
        if random.below(2) == 0 {
            set.add_range(&uuid(source), tag, first, last);
        } else {
            (first..=last).for_each(|gno| set.add(&uuid(source), tag, gno));
        }
        model.extend((first..=last).map(|gno| (source, tagged, gno)));
    }
    (set, model)
}

fn members(set: &GtidSet) -> Model {
    for (_, _, list) in set.iter() {
        assert!(!list.is_empty() && list.iter().all(|&(first, last)| 1 <= first && first <= last));
        assert!(list.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{list:?}");
    }
    let each = |(uuid, tag, list): (&Uuid, &str, &[(u64, u64)])| {
        let (source, tagged) = (uuid[0], !tag.is_empty());
        let numbers: Vec<u64> = list.iter().flat_map(|&(first, last)| first..=last).collect();
        numbers.into_iter().map(move |gno| (source, tagged, gno))
    };
    set.iter().flat_map(each).collect()
}

#[test]
fn algebra_agrees_with_a_model() {
    let mut random = Random(0x6774_6964);
    for _ in 0..20_000 {
        let ((a, model_a), (b, model_b)) = (random_set(&mut random), random_set(&mut random));
        assert_eq!(members(&a), model_a);
        assert_eq!(set(&a.to_string()), a);
        assert_eq!(a.contains_set(&b), model_a.is_superset(&model_b));
        assert_eq!(a == b, model_a == model_b);
        let mut both = a.clone();
        both.union(&b);
        assert_eq!(members(&both), &model_a | &model_b);
        assert!(both.contains_set(&a) && both.contains_set(&b));
        let mut rest = a.clone();
        rest.subtract(&b);
        assert_eq!(members(&rest), &model_a - &model_b);
        assert_eq!(rest.is_empty(), b.contains_set(&a));
        let (first, last) = (1 + random.below(40), 1 + random.below(40));
        let all = (first..=last).all(|gno| model_a.contains(&(0, false, gno)));
        assert_eq!(a.contains_range(&uuid(0), "", first, last), all);
    }
}

#[test]
fn mariadb_positions() {
    let position: MariadbPosition = " 1-2-7 ,0-1-100\n".parse().unwrap();
    assert_eq!(position.to_string(), "0-1-100,1-2-7");
    assert_eq!("".parse::<MariadbPosition>().unwrap(), MariadbPosition::new());
    let mut later = position.clone();
    later.advance(0, 5, 101);
    later.advance(9, 4_294_967_295, u64::MAX);
    assert_eq!(later.to_string(), "0-5-101,1-2-7,9-4294967295-18446744073709551615");
    assert_eq!(later.to_string().parse(), Ok(later.clone()));
    assert!(later.contains(&position) && !position.contains(&later));
    assert!(later.covers(0, 101) && !later.covers(0, 102) && !later.covers(3, 0));
    assert_eq!((later.get(1), later.get(2), later.is_empty()), (Some((2, 7)), None, false));
    for bad in
        ["0-1", "0-1-2-3", "0-1-", "a-1-1", "0-1-+1", "0-1-1,", "4294967296-1-1", "0-1-1,0-2-2", "0--1-1"]
    {
        assert!(bad.parse::<MariadbPosition>().is_err(), "{bad}");
    }
}

#[test]
fn position_text() {
    for text in [
        "gtid:",
        "gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7:tag:1",
        "mariadb:",
        "mariadb:0-1-100,1-2-7",
        "file:binlog.000007:4",
        "file:C:/x y/bin.1:18446744073709551615",
    ] {
        assert_eq!(text.parse::<MysqlPosition>().unwrap().to_string(), text);
    }
    for (text, part) in [
        ("", "none of gtid:"),
        ("gtids:x", "none of gtid:"),
        ("gtid:x:1", "bad UUID \"x\""),
        ("mariadb:1", "\"1\" is not domain-server-sequence"),
        ("file:x", "is not file:<name>:<offset>"),
        ("file::4", "is not file:<name>:<offset>"),
        ("file:x:", "bad offset \"\""),
        ("file:x:-1", "bad offset \"-1\""),
    ] {
        let error = text.parse::<MysqlPosition>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn marks_of_gtids() {
    let mut position = MysqlPosition::Gtid(GtidSet::new());
    let mut mark = Vec::new();
    assert_eq!(position.covers(&mark), Ok(true));
    encode_gtid(&mut mark, &uuid(1), "", 1, 1);
    assert_eq!(mark.len(), 20);
    encode_gtid(&mut mark, &uuid(1), "tag", MAX_GNO - 5, MAX_GNO);
    encode_gtid(&mut mark, &uuid(1), "", 2, 300);
    assert_eq!(position.covers(&mark), Ok(false));
    position.advance(&mark).unwrap();
    assert_eq!(position.covers(&mark), Ok(true));
    let expected =
        "gtid:01070707-0707-0707-0707-070707070707:1-300:tag:9223372036854775801-9223372036854775806";
    assert_eq!(position.to_string(), expected);
    let mut next = Vec::new();
    encode_gtid(&mut next, &uuid(1), "", 300, 301);
    assert_eq!(position.covers(&next), Ok(false));
    position.advance(&next).unwrap();
    assert_eq!(position.covers(&next), Ok(true));
}

#[test]
fn marks_of_domains_and_files() {
    let mut position: MysqlPosition = "mariadb:0-1-5".parse().unwrap();
    let mut mark = Vec::new();
    encode_mariadb(&mut mark, 1, 2, u64::MAX);
    encode_mariadb(&mut mark, 0, u32::MAX, 6);
    assert_eq!(position.covers(&mark), Ok(false));
    position.advance(&mark).unwrap();
    assert_eq!(position.to_string(), "mariadb:0-4294967295-6,1-2-18446744073709551615");
    assert_eq!(position.covers(&mark), Ok(true));

    let mark = |name: &str, offset| {
        let mut mark = Vec::new();
        encode_file(&mut mark, name, offset);
        mark
    };
    let mut position: MysqlPosition = "file:binlog.999999:500".parse().unwrap();
    for (name, offset, covered) in [
        ("binlog.999999", 500, true),
        ("binlog.999999", 501, false),
        ("binlog.999998", 9_000, true),
        ("binlog.1000000", 4, false),
        ("mysql-bin.000001", 4, true),
    ] {
        assert_eq!(position.covers(&mark(name, offset)), Ok(covered), "{name}:{offset}");
    }
    assert!(position.covers(&mark("binlog", 4)).unwrap_err().contains("does not end in a sequence number"));
    assert!(position.covers(&mark("b.99999999999999999999999", 4)).is_err());
    position.advance(&mark("binlog.1000000", 4)).unwrap();
    assert_eq!(position.to_string(), "file:binlog.1000000:4");
    let error = position
        .advance(&{
            let mut m = Vec::new();
            encode_mariadb(&mut m, 0, 1, 2);
            m
        })
        .unwrap_err();
    assert_eq!(error, "a mariadb mark does not fit a file position");
}

#[test]
fn damaged_marks_change_nothing() {
    let mut mark = Vec::new();
    encode_gtid(&mut mark, &uuid(1), "tag", 5, 900);
    let whole = mark.len();
    encode_gtid(&mut mark, &uuid(2), "", 1, 1);
    for end in 1..mark.len() {
        let mut position = MysqlPosition::Gtid(GtidSet::new());
        let cut = &mark[..end];
        assert_eq!(position.advance(cut).is_ok(), end == whole, "{end}");
        assert_eq!(position == MysqlPosition::Gtid(GtidSet::new()), end != whole);
        assert_eq!(position.covers(cut).is_ok(), end == whole);
    }
    encode_file(&mut mark, "x.1", 4);
    let mut position = MysqlPosition::Gtid(GtidSet::new());
    assert!(position.advance(&mark).is_err() && position == MysqlPosition::Gtid(GtidSet::new()));
}

#[test]
fn nothing_panics() {
    const CHARACTERS: &[u8] = b"0123456789abcdef-:,{}_ \ngtidmarfle\xc3\xa4.";
    let mut random = Random(0x6d61_726b);
    let samples = [format!("gtid:{A}:1-3:tag:5,{B}:1"), "mariadb:0-1-2,3-4-5".into(), "file:b.1:77".into()];
    for round in 0..60_000_usize {
        let mut bytes = samples[round % 3].clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            let new = CHARACTERS[random.below(CHARACTERS.len() as u64) as usize];
            match random.below(3) {
                0 => bytes[at] = new,
                1 => bytes.insert(at, new),
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok(position) = String::from_utf8_lossy(&bytes).parse::<MysqlPosition>() {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        let length = random.below(40);
        let mut mark: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        if let Some(kind) = mark.first_mut() {
            *kind %= 4;
        }
        for sample in &samples {
            let mut position: MysqlPosition = sample.parse().unwrap();
            if position.advance(&mark).is_ok() {
                assert_eq!(position.to_string().parse(), Ok(position.clone()));
            }
            let _ = position.covers(&mark);
        }
    }
}

#[test]
fn appending_is_fast() {
    let mut set = GtidSet::new();
    let started = std::time::Instant::now();
    for gno in 1..=1_000_000 {
        set.add(&uuid(1), "", gno);
    }
    assert!(set.contains_range(&uuid(1), "", 1, 1_000_000));
    // Some 10 ms unoptimised; the bound only catches a wrong complexity.
    assert!(started.elapsed().as_secs() < 5);
}
