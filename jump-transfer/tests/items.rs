//! Items as CSV: round trips, hostile files, and every bad row named.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a step that fails is a test that fails; Python reads what we write"
)]

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use jump_core::ErrorKind;
use jump_core::id::{GroupId, JumpointId};
use jump_core::model::{
    Change, Comments, ItemDetails, JumpGroup, JumpItem, JumpMethod, Jumpoint, Name, Placement, SecureApp,
    World,
};
use jump_testkit::memory::resident_kib;
use jump_testkit::random_world::Parts;
use jump_transfer::csv::{self, MAX_FILE, MAX_ROWS, formula, method_code};
use jump_transfer::{Document, MOST_PROBLEMS, OnConflict, Plan, Problems, Refusal, plan_items};
use support::{ids, made, random};

/// A site with one group, `servers`, and one Jumpoint, `vienna`.
fn small() -> World {
    let mut world = World::new().unwrap();
    let mut group = JumpGroup::new(GroupId::new(1).unwrap(), Name::new("The servers").unwrap());
    group.code_name = Some("servers".parse().unwrap());
    let jumpoint = Jumpoint::new(JumpointId::new(1).unwrap(), Name::new("Vienna").unwrap());
    world
        .apply(&[Change::PutGroup(group), Change::PutJumpoint(jumpoint)])
        .unwrap();
    world
}

fn read(file: impl AsRef<[u8]>, method: JumpMethod) -> csv::Rows {
    csv::read(file.as_ref(), method).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn refused(file: impl AsRef<[u8]>, method: JumpMethod) -> Problems {
    match csv::read(file.as_ref(), method) {
        Err(Refusal::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

fn said(problems: &Problems) -> Vec<String> {
    problems.list().iter().map(ToString::to_string).collect()
}

fn planned(world: &World, file: impl AsRef<[u8]>, method: JumpMethod, on_conflict: OnConflict) -> Plan {
    plan_items(world, &read(file, method), on_conflict, &ids(world))
        .unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn unplanned(world: &World, file: impl AsRef<[u8]>, method: JumpMethod, on_conflict: OnConflict) -> Problems {
    match plan_items(world, &read(file, method), on_conflict, &ids(world)) {
        Err(Refusal::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

/// The random site with texts and fields that CSV must take care of.
fn rich(parts: &Parts, seed: u64) -> World {
    let mut world = random(parts, seed);
    let nasty = [
        "=1+1",
        "'=1+1",
        "''@x",
        "a,b;c",
        "say \"hi\"",
        "two\nlines\tand tab",
        "\n",
        "\tx",
        "'quoted'",
        "{{7*7}} ${7*7} <%= %> #{}",
        " spaces ",
        "＝1",
    ];
    let mut changes = vec![];
    // Code names must be free when each is given.
    for group in world.groups() {
        let mut group = JumpGroup::clone(group);
        group.code_name = Some(format!("free-{}", group.id).parse().unwrap());
        changes.push(Change::PutGroup(group));
    }
    for group in world.groups() {
        let mut group = JumpGroup::clone(group);
        // A name that is another's code name: references must be exact.
        group.code_name = Some(
            format!("N{}", group.id.get() % world.groups().count() as u32 + 1)
                .parse()
                .unwrap(),
        );
        changes.push(Change::PutGroup(group));
    }
    for (number, item) in world.items().enumerate() {
        let mut item = JumpItem::clone(item);
        item.comments = Comments::new(nasty[(number + seed as usize) % nasty.len()]).unwrap();
        item.name = Name::new(format!("-{},\"{}", item.name, item.id)).unwrap();
        match &mut item.details {
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => {
                rdp.console = true;
                rdp.pinned_certificates =
                    vec!["ab".repeat(32).parse().unwrap(), "cd".repeat(32).parse().unwrap()];
                rdp.secure_app = SecureApp::RemoteApp {
                    remote_app_name: "@app".parse().unwrap(),
                    remote_app_params: "".parse().unwrap(),
                };
            }
            ItemDetails::ShellJump(shell) => {
                shell.host_key.trust_first_use = true;
                shell.username = "'-x".parse().unwrap();
                shell.keep_alive_seconds = 300;
            }
            _ => {}
        }
        changes.push(Change::PutItem(item));
    }
    for change in changes {
        world.apply(&[change]).unwrap();
    }
    world
}

/// The site without its shared items of one type.
fn without(world: &World, method: JumpMethod) -> World {
    let mut rest = world.clone();
    for item in world.items() {
        if item.details.method() == method && item.placement.group().is_some() {
            rest.apply(&[Change::RemoveItem(item.id)]).unwrap();
        }
    }
    rest
}

#[test]
fn s29_every_type_survives_export_and_import() {
    let parts = Parts::new().unwrap();
    let mut seen = std::collections::HashSet::new();
    for seed in 0..100 {
        let world = rich(&parts, seed);
        for method in JumpMethod::ALL {
            let file = csv::write(&world, *method, None).unwrap();
            let rest = without(&world, *method);
            let plan = match plan_items(&rest, &read(&file, *method), OnConflict::Fail, &ids(&rest)) {
                Ok(plan) => plan,
                Err(refusal) => panic!(
                    "seed {seed} {method}: {refusal}\n{}",
                    String::from_utf8_lossy(&file)
                ),
            };
            let copy = made(&rest, &plan);
            // Copies of other types lost their original when it was taken out, and are not in the file.
            let written = |world: &World| -> Vec<_> {
                let items = Document::of(world).unwrap().items.unwrap();
                let ours = |item: &jump_transfer::document::Item| item.details.method() == *method;
                items
                    .into_iter()
                    .filter(|item| ours(item) && item.group.is_some())
                    .collect()
            };
            assert_eq!(
                written(&copy),
                written(&world),
                "seed {seed} {method}\n{}",
                String::from_utf8_lossy(&file)
            );
            assert_eq!(
                csv::write(&copy, *method, None).unwrap(),
                file,
                "seed {seed} {method}"
            );
            // Into the same site: nothing, or a problem per row.
            let same = planned(&world, &file, *method, OnConflict::Update);
            assert_eq!(same, Plan::default(), "seed {seed} {method}");
            let rows = read(&file, *method).rows.len() as u64;
            assert_eq!(planned(&world, &file, *method, OnConflict::Skip).skipped, rows);
            if rows > 0 {
                seen.insert(*method);
                let problems = unplanned(&world, &file, *method, OnConflict::Fail);
                assert_eq!(problems.count(), rows, "{:?}", said(&problems));
            }
        }
    }
    assert_eq!(seen.len(), JumpMethod::ALL.len(), "every type was there");
}

proptest::proptest! {
    #[test]
    fn c13_guarding_against_formulas_loses_nothing(text in "['=+@\\-\t\r\n\0＝ a]{0,6}|\\PC*") {
        let guarded = formula::guarded(text.clone());
        proptest::prop_assert_eq!(formula::unguarded(&guarded), text.as_str());
        proptest::prop_assert!(!guarded.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']));
    }

    #[test]
    fn c13_any_comment_comes_back_from_a_file(text in "['=+@\\-\t\n\",;a]{0,6}|[^\\p{C}\\p{Z}]{0,40}") {
        let Ok(comments) = Comments::new(&text) else { return Ok(()) };
        let mut world = small();
        let plan = planned(
            &world,
            "name,jump_group,jumpoint,hostname\nx,servers,vienna,h\n",
            JumpMethod::RemoteJump,
            OnConflict::Fail,
        );
        world = made(&world, &plan);
        let mut item = JumpItem::clone(world.items().next().unwrap());
        item.comments = comments.clone();
        world.apply(&[Change::PutItem(item)]).unwrap();
        let file = csv::write(&world, JumpMethod::RemoteJump, None).unwrap();
        let rest = without(&world, JumpMethod::RemoteJump);
        let copy = made(&rest, &planned(&rest, &file, JumpMethod::RemoteJump, OnConflict::Fail));
        proptest::prop_assert_eq!(&copy.items().next().unwrap().comments, &comments);
    }

    #[test]
    fn s29_no_bytes_make_it_panic_and_every_refusal_has_a_reason(file in proptest::collection::vec(
        proptest::sample::select(b"name,jump_group,hostname\r\n\"'=x\0\xff;".to_vec()), 0..200)) {
        let mut whole = b"name,jump_group,hostname\n".to_vec();
        whole.extend(&file);
        for file in [&file, &whole] {
            match csv::read(file.as_slice(), JumpMethod::LocalJump) {
                Ok(rows) => proptest::prop_assert!(rows.rows.iter().all(|row| row.cells.len() == rows.columns.len())),
                Err(Refusal::Problems(problems)) => proptest::prop_assert!(!problems.is_empty()),
                Err(Refusal::Error(error)) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn c13_no_exported_cell_begins_like_a_formula() {
    let parts = Parts::new().unwrap();
    let mut files = Vec::new();
    for seed in 0..30 {
        let world = rich(&parts, seed);
        for method in JumpMethod::ALL {
            files.extend(csv::write(&world, *method, None).unwrap());
        }
    }
    let mut guarded = 0;
    for cell in python(&files).into_iter().flatten() {
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']),
            "{cell:?}"
        );
        guarded += usize::from(cell.starts_with('\''));
    }
    assert!(guarded > 100);
}

/// The cells of a file, as Python's csv module reads it.
fn python(file: &[u8]) -> Vec<Vec<String>> {
    let script = "import csv,io,json,sys\n\
        text=io.TextIOWrapper(sys.stdin.buffer,encoding='utf-8',newline='')\n\
        json.dump(list(csv.reader(text,strict=True)),sys.stdout)";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn s29_python_reads_what_we_write_and_we_read_what_python_writes() {
    let parts = Parts::new().unwrap();
    for seed in 0..4 {
        let world = rich(&parts, seed);
        let file = csv::write(&world, JumpMethod::ShellJump, None).unwrap();
        let cells = python(&file);
        let rows = read(&file, JumpMethod::ShellJump);
        let ours: Vec<Vec<String>> = rows.rows.iter().map(|row| row.cells.clone()).collect();
        let theirs: Vec<Vec<String>> = cells[1..]
            .iter()
            .map(|row| {
                row.iter()
                    .map(|cell| formula::unguarded(cell).to_owned())
                    .collect()
            })
            .collect();
        assert_eq!(ours, theirs);
        let script = "import csv,json,sys,io\n\
            out=io.TextIOWrapper(sys.stdout.buffer,encoding='utf-8-sig',newline='')\n\
            csv.writer(out,quoting=csv.QUOTE_ALL).writerows(json.load(sys.stdin))\n\
            out.flush()";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin
            .write_all(serde_json::to_string(&cells).unwrap().as_bytes())
            .unwrap();
        drop(stdin);
        let written = child.wait_with_output().unwrap().stdout;
        assert!(written.starts_with(b"\xef\xbb\xbf\""));
        let again = read(&written, JumpMethod::ShellJump);
        assert_eq!((again.columns, again.rows.len()), (rows.columns, rows.rows.len()));
        assert!(again.rows.iter().zip(&rows.rows).all(|(a, b)| a.cells == b.cells));
    }
}

#[test]
fn s29_marks_line_ends_and_header_spelling_do_not_matter() {
    let plain = read(
        "name,jump_group,hostname\na,servers,h\nb,servers,h\n",
        JumpMethod::LocalJump,
    );
    for same in [
        "\u{feff}name,jump_group,hostname\na,servers,h\nb,servers,h",
        "name,jump_group,hostname\r\na,servers,h\r\nb,servers,h\r\n",
        "name,jump_group,hostname\ra,servers,h\rb,servers,h\r",
        "\"Name\",\"Jump Group\",Host name\r\n\"a\",\"servers\",\"h\"\r\n\"b\",servers,h",
        "NAME,jump-group,HOSTNAME\n\na,servers,h\n\n\nb,servers,h\n,,\n\n",
    ] {
        let same = same.replace("Host name", "hostname");
        let read = read(&same, JumpMethod::LocalJump);
        assert_eq!(read.columns, plain.columns, "{same:?}");
        let cells = |rows: &csv::Rows| -> Vec<Vec<String>> {
            rows.rows.iter().map(|row| row.cells.clone()).collect()
        };
        assert_eq!(cells(&read), cells(&plain), "{same:?}");
    }
}

#[test]
fn s29_a_header_that_does_not_fit_is_said_at_once() {
    for (header, says) in [
        ("", "the file is empty"),
        (
            "name,name,jump_group,hostname",
            "row 1, column 2: column name is there twice",
        ),
        (
            "name,Name ,jump_group,hostname",
            "column 2: column name is there twice",
        ),
        ("name,jump_group", "the required column hostname is missing"),
        (
            "name,jump_group,hostname,password",
            "`password` is not a column of local_jump",
        ),
        ("name;jump_group;hostname", "not separated by commas"),
        ("name,jump_group,hostname,", "`` is not a column"),
        ("name,jump_group,hostname,jumpoint", "`jumpoint` is not a column"),
        ("\u{ff}\u{fe}", "is not a column"),
    ] {
        let problems = refused(header, JumpMethod::LocalJump);
        let said = said(&problems).join("\n");
        assert!(said.contains(says), "{header}: {said}");
    }
    for utf16 in [b"\xff\xfen\0a\0".as_slice(), b"\xfe\xff\0n\0a", b"\xff\xfe"] {
        assert_eq!(
            said(&refused(utf16, JumpMethod::LocalJump)),
            ["the file is UTF-16: save it as UTF-8"]
        );
    }
    assert!(said(&refused(b"na\xffme\n", JumpMethod::LocalJump))[0].contains("column 1: it is not UTF-8"));
}

#[test]
fn s29_every_bad_cell_is_named_by_row_and_column() {
    let file = b"name,jump_group,jumpoint,hostname,protocol,port,keep_alive_seconds,comments\n\
        good,servers,vienna,10.0.0.1,ssh,22,0,\n\
        ,servers,vienna,10.0.0.1,ssh,0,0,\n\
        a,servers,vienna,10.1,rlogin,70000,x,\n\
        \"two\nlines\",servers,vienna,h,ssh,22,0,\n\
        short,servers\n\
        nul,servers,vienna,h,ssh,,,a\0b\n\
        bad\xff,servers,vienna,h,ssh,,,caf\xe9\n\
        long,servers,vienna,h,ssh,22,0,ok,more\n";
    let problems = refused(file, JumpMethod::ShellJump);
    assert_eq!(
        said(&problems),
        [
            "row 3, column name: it is required",
            "row 3, column port: it is a port, 1 to 65535",
            "row 4, column hostname: an IPv4 address is four decimal numbers, such as 192.0.2.7",
            "row 4, column protocol: it is `ssh` or `telnet`",
            "row 4, column port: it is a port, 1 to 65535",
            "row 4, column keep_alive_seconds: it is 0 to 300 seconds",
            "row 5, column name: it holds a control or invisible character",
            "row 6 (line 7): it has 2 cells, the header has 8",
            "row 7 (line 8), column comments: comments hold a control or invisible character",
            "row 8 (line 9), column name: it is not UTF-8: save the file as UTF-8",
            "row 8 (line 9), column comments: it is not UTF-8: save the file as UTF-8",
            "row 9 (line 10): it has 9 cells, the header has 8",
        ]
    );
    assert_eq!(problems.count(), 12);
    assert_eq!(problems.to_error().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn s29_lone_quotes_are_refused_where_they_are() {
    let head = "name,jump_group,hostname,comments\na,servers,h,ok\n";
    for (rest, says) in [
        (
            "b,servers,h,\"never closed\nc,servers,h,x\n",
            "row 3, column comments: a quote is opened here",
        ),
        (
            "b,servers,h,5\" disk\n",
            "row 3, column comments: a quote stands inside",
        ),
        (
            "b,servers,\"h\" x,y\n",
            "row 3, column hostname: something follows",
        ),
        (
            "b,servers,\"h\"\"\",\"\"\"\n",
            "row 3, column comments: a quote is opened",
        ),
    ] {
        let problems = refused(format!("{head}{rest}"), JumpMethod::LocalJump);
        let said = said(&problems);
        assert!(said.last().unwrap().starts_with(says), "{said:?}");
    }
}

#[test]
fn s29_references_are_by_code_name_or_name_and_personal_lists_are_closed() {
    let world = small();
    let head = "name,jump_group,jumpoint,hostname,jump_policy,session_policy\n";
    for row in [
        "a,servers,vienna,h,,",
        "a,SERVERS,Vienna,h,,",
        "a,The servers,VIENNA,h,,",
    ] {
        let plan = planned(
            &world,
            format!("{head}{row}"),
            JumpMethod::RemoteJump,
            OnConflict::Fail,
        );
        let after = made(&world, &plan);
        let item = after.items().next().unwrap();
        assert_eq!(item.placement, Placement::Shared(GroupId::new(1).unwrap()));
        assert_eq!(item.jumpoint, Some(JumpointId::new(1).unwrap()));
    }
    let problems = unplanned(
        &world,
        format!(
            "{head}a,nowhere,paris,h,strict,none\nb,@alice,vienna,h,,\nc,servers,vienna,h,,\nC,servers,vienna,h,,"
        ),
        JumpMethod::RemoteJump,
        OnConflict::Fail,
    );
    assert_eq!(
        said(&problems),
        [
            "row 2, column jump_group: there is no jump group named `nowhere`",
            "row 2, column jumpoint: there is no jumpoint named `paris`",
            "row 2, column jump_policy: there is no jump policy named `strict`",
            "row 2, column session_policy: there is no session policy named `none`",
            "row 3, column jump_group: importing into a personal list is not allowed: name a jump group",
            "row 5, column name: row 4 names the same item of the same group",
        ]
    );
}

#[test]
fn an_update_changes_what_the_file_has_and_keeps_the_rest() {
    let world = small();
    let add = "name,jump_group,jumpoint,hostname,protocol,port,tag,comments\n\
        a,servers,vienna,h,telnet,,blue,first\nb,servers,vienna,h,ssh,,,\n";
    let world = made(
        &world,
        &planned(&world, add, JumpMethod::ShellJump, OnConflict::Fail),
    );
    let id = world.items_named("a").next().unwrap().id;
    let ItemDetails::ShellJump(shell) = &world.item(id).unwrap().details else {
        panic!("not a shell")
    };
    assert_eq!(shell.port, 23, "a blank port follows the protocol");
    let file = "name,jump_group,jumpoint,hostname,protocol,comments\nA,servers,vienna,h2,telnet,\nnew,servers,vienna,h,ssh,x\n";
    let problems = unplanned(&world, file, JumpMethod::ShellJump, OnConflict::Fail);
    assert_eq!(
        said(&problems),
        ["row 2, column name: the group has an item of this name already"]
    );
    let skip = planned(&world, file, JumpMethod::ShellJump, OnConflict::Skip);
    assert_eq!((skip.changes.len(), skip.skipped), (1, 1));
    let update = planned(&world, file, JumpMethod::ShellJump, OnConflict::Update);
    let shown: Vec<String> = update.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[0],
        "~ items The servers/A\n    comments: \"first\" → (default)\n    hostname: \"h\" → \"h2\"\n    name: \"a\" → \"A\""
    );
    assert!(shown[1].starts_with("+ items The servers/new\n"), "{shown:?}");
    let after = made(&world, &update);
    let item = after.item(id).unwrap();
    assert_eq!(
        (item.tag.as_str(), item.comments.as_str(), item.hostname.as_str()),
        ("blue", "", "h2")
    );
    let ItemDetails::ShellJump(shell) = &item.details else {
        panic!("not a shell")
    };
    assert_eq!(shell.port, 23, "a column that is not there changes nothing");
    // Another type under the same name is not turned into this one.
    let other = "name,jump_group,jumpoint,hostname\na,servers,vienna,h\n";
    let problems = unplanned(&after, other, JumpMethod::RemoteVnc, OnConflict::Update);
    assert!(
        said(&problems)[0].contains("it is a Shell Jump"),
        "{:?}",
        said(&problems)
    );
}

#[test]
fn s29_five_megabytes_are_read_and_one_byte_more_is_not() {
    let mut file = b"name,jump_group,hostname,comments\n".to_vec();
    let mut number = 0;
    while file.len() < MAX_FILE - 2000 {
        number += 1;
        file.extend(format!("i{number},servers,h,{}\n", "x".repeat(1000)).bytes());
    }
    let last = format!("last,servers,{},", "h".repeat(3));
    file.extend(last.bytes());
    let rest = MAX_FILE - file.len() - 1;
    assert!(rest <= 2000);
    file.extend("\n".repeat(rest + 1).bytes());
    assert_eq!(file.len(), MAX_FILE);
    assert_eq!(read(&file, JumpMethod::LocalJump).rows.len(), number + 1);
    file.push(b'\n');
    let problems = refused(&file, JumpMethod::LocalJump);
    assert_eq!(said(&problems), ["a file has at most 5242880 bytes: split it"]);
}

/// Rows without end; counts what was taken of them.
struct Endless<'a> {
    row: &'a [u8],
    at: usize,
    rows: u64,
    taken: &'a mut usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut written = 0;
        while written < buffer.len() && self.rows > 0 {
            buffer[written] = self.row[self.at];
            written += 1;
            self.at += 1;
            if self.at == self.row.len() {
                (self.at, self.rows) = (0, self.rows - 1);
            }
        }
        *self.taken += written;
        Ok(written)
    }
}

#[test]
fn s29_a_million_rows_are_refused_at_the_limit_without_being_read() {
    let head = b"name,jump_group,hostname\n".as_slice();
    for (row, says, most) in [
        (
            b"a,b,c\n".as_slice(),
            format!("at most {MAX_ROWS} rows"),
            6 * 10_001 + 64 * 1024,
        ),
        // Every one of them bad: only so many are kept.
        (
            b",,x y\n".as_slice(),
            format!("at most {MAX_ROWS} rows"),
            6 * 10_001 + 64 * 1024,
        ),
        (b"\n".as_slice(), String::new(), 1_000_000 + 64 * 1024),
        (
            b"\"".as_slice(),
            "a cell has at most".to_owned(),
            csv::MAX_CELL + 64 * 1024,
        ),
        (b",".as_slice(), "at most 64 cells".to_owned(), 64 * 1024),
        (
            b"x".as_slice(),
            "a cell has at most".to_owned(),
            csv::MAX_CELL + 64 * 1024,
        ),
    ] {
        let mut taken = 0;
        let endless = Endless {
            row,
            at: 0,
            rows: 1_000_001,
            taken: &mut taken,
        };
        let read = csv::read(head.chain(endless), JumpMethod::LocalJump);
        match read {
            Ok(rows) => assert!(says.is_empty() && rows.rows.is_empty()),
            Err(Refusal::Problems(problems)) => {
                let reason = &problems.list().last().unwrap().reason;
                assert!(
                    reason.contains(&says) || problems.count() > MOST_PROBLEMS as u64,
                    "{row:?}: {reason}"
                );
                assert!(problems.list().len() <= MOST_PROBLEMS);
            }
            Err(Refusal::Error(error)) => panic!("{error}"),
        }
        assert!(taken <= most, "{row:?}: {taken} bytes were read");
    }
}

#[test]
fn s29_reading_a_gigabyte_takes_no_more_memory_than_the_limits_allow() {
    let head = b"name,jump_group,hostname,comments\n".as_slice();
    let good = format!("x,servers,h,\"{}\"\n", "y".repeat(1000));
    let bad = format!("x,servers,h,\"{}\"\n", "y".repeat(2000));
    let open = format!("x,servers,h,\"{}\n", "y\"\"".repeat(400));
    for row in [&good, &bad, &open] {
        let mut taken = 0;
        let endless = Endless {
            row: row.as_bytes(),
            at: 0,
            rows: 1_000_000,
            taken: &mut taken,
        };
        let before = resident_kib(std::process::id()).unwrap();
        let mut peak = before;
        let measured = Measured {
            inner: head.chain(endless),
            peak: &mut peak,
        };
        assert!(matches!(
            csv::read(measured, JumpMethod::LocalJump),
            Err(Refusal::Problems(_))
        ));
        assert!(taken <= MAX_FILE + 64 * 1024, "{taken} bytes were read");
        // The file's 5 MB, twice while a table grows, and what the allocator keeps.
        assert!(peak - before < 32 * 1024, "{} KiB more", peak - before);
    }
}

/// Watches the memory of this process while something is read.
struct Measured<'a, R> {
    inner: R,
    peak: &'a mut u64,
}

impl<R: Read> Read for Measured<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        *self.peak = resident_kib(std::process::id()).unwrap().max(*self.peak);
        self.inner.read(buffer)
    }
}

#[test]
fn s29_the_first_thousand_problems_are_kept_and_all_are_counted() {
    let rows = ",servers,h\n".repeat(3000);
    let problems = refused(format!("name,jump_group,hostname\n{rows}"), JumpMethod::LocalJump);
    assert_eq!((problems.list().len(), problems.count()), (MOST_PROBLEMS, 3000));
    assert_eq!(problems.list()[999].row, Some(1001));
    assert!(problems.to_error().to_string().ends_with("and 2999 more"));
}

#[test]
fn v03_injections_in_cells_are_data_or_refused() {
    let world = small();
    for text in [
        "'; DROP TABLE items; --",
        "$(touch /tmp/x)",
        "`id`",
        "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
        "a\nb,evil,h",
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "../../etc/passwd",
        "%n%s",
    ] {
        let cell = formula::guarded(text.to_owned()).replace('"', "\"\"");
        let file = format!("name,jump_group,jumpoint,hostname,comments\nx,servers,vienna,h,\"{cell}\"\n");
        let after = made(
            &world,
            &planned(&world, &file, JumpMethod::RemoteJump, OnConflict::Fail),
        );
        assert_eq!(after.items().count(), 1);
        assert_eq!(after.items().next().unwrap().comments.as_str(), text);
        let out = csv::write(&after, JumpMethod::RemoteJump, None).unwrap();
        // V-05: there byte for byte, but for the escapes of the format.
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains(&text.replace('"', "\"\""))
        );
        let file = format!("name,jump_group,jumpoint,hostname\nx,servers,vienna,\"{cell}\"\n");
        assert!(refused(&file, JumpMethod::RemoteJump).list()[0].column.as_deref() == Some("hostname"));
    }
}

#[test]
fn every_types_template_is_its_documented_header() {
    let page = include_str!("../../docs/import.md");
    for method in JumpMethod::ALL {
        let code = method_code(*method);
        let template = csv::template(*method);
        assert!(
            page.contains(&format!("| `{code}` |")),
            "{code} is not in docs/import.md"
        );
        // A file of the template alone is a file without items.
        assert_eq!(read(&template, *method).rows.len(), 0);
        for column in csv::columns(*method) {
            let row = format!("| `{column}` | {} |", column.about());
            assert!(page.contains(&row), "{row}");
        }
        let required: Vec<&str> = csv::columns(*method)
            .into_iter()
            .filter(|column| column.is_required())
            .map(csv::Column::header)
            .collect();
        let own: Vec<&str> = csv::columns(*method)
            .into_iter()
            .filter(|column| !column.is_required())
            .map(csv::Column::header)
            .collect();
        let row = format!(
            "| `{code}` | `{}` | `{}` |",
            required.join("`, `"),
            own.join("`, `")
        );
        assert!(page.contains(&row), "{row}");
    }
}
