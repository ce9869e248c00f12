//! What is written, read by other people's programs: Python's `zipfile`, `unzip`. Large ones are written with holes.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

/// An archive in a file, in which the pieces of a large content may be left out: what is not written reads as zeros.
struct Disk {
    zip: Writer,
    file: File,
    at: u64,
    path: PathBuf,
    records: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.zip");
        Self {
            zip: Writer::default(),
            file: File::create_new(&path).expect("a file"),
            at: 0,
            path,
            records: Vec::new(),
            _folder: folder,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.file.write_all_at(bytes, self.at).expect("written");
        self.at += bytes.len() as u64;
    }

    fn with(&mut self, add: impl FnOnce(&mut Writer, &mut Vec<u8>) -> Result<(), Error>) {
        let mut out = Vec::new();
        add(&mut self.zip, &mut out).expect("added");
        self.write(&out);
        self.records.extend(self.zip.take_records());
    }

    fn file(&mut self, path: &str, modified: i64, content: &[u8]) {
        self.with(|zip, out| zip.file(out, path.to_owned(), modified, content));
    }

    /// A file of zeros, of which nothing is written.
    fn zeros(&mut self, path: &str, size: u64) {
        self.with(|zip, out| zip.begin(out, path.to_owned(), 0, size));
        let block = vec![0; 16 << 20];
        let mut left = size;
        while left > 0 {
            let piece = &block[..usize::try_from(left.min(block.len() as u64)).expect("a length")];
            self.zip.content(piece);
            left -= piece.len() as u64;
        }
        self.at += size;
        self.with(Writer::end);
    }

    fn end(&mut self) -> &Path {
        let records = std::mem::take(&mut self.records);
        self.write(&records);
        let mut out = Vec::new();
        self.zip.finish(&mut out);
        self.write(&out);
        &self.path
    }
}

/// Runs a program that must end well; answers what it said.
fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().expect("the program runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let failed = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program}: {said}{failed}");
    said
}

fn python(script: &str, archive: &Path) -> String {
    run("python3", &["-c", script, &archive.display().to_string()])
}

#[test]
fn a_content_above_four_gibibytes_and_what_comes_behind_it_are_found() {
    let mut disk = Disk::new();
    let large = (4 << 30) + 5;
    disk.file("before", 0, b"before");
    disk.zeros("large", large);
    disk.zeros("just below", 3);
    disk.file("behind", 1_700_000_001, b"behind");
    let archive = disk.end();
    let said = python(
        "import sys, zipfile\n\
         z = zipfile.ZipFile(sys.argv[1])\n\
         print([(i.filename, i.file_size, i.compress_size) for i in z.infolist()])\n\
         print(z.read('before'), z.read('just below'), z.read('behind'))\n\
         print(z.getinfo('behind').header_offset > 1 << 32, z.open('large').read(10))",
        archive,
    );
    assert_eq!(
        said,
        format!(
            "[('before', 6, 6), ('large', {large}, {large}), ('just below', 3, 3), ('behind', 6, 6)]\n\
             b'before' b'\\x00\\x00\\x00' b'behind'\nTrue b'{}'\n",
            "\\x00".repeat(10)
        )
    );
    // It finds the others by what it was told of the large one, which nobody needs to read for that.
    run(
        "unzip",
        &["-tq", &archive.display().to_string(), "before", "just below", "behind"],
    );
}

#[test]
fn more_entries_than_sixteen_bits_count_are_found() {
    let mut disk = Disk::new();
    disk.with(|zip, out| zip.folder(out, "many", 0));
    for n in 0..70_000 {
        disk.file(&format!("many/{n}"), 0, n.to_string().as_bytes());
    }
    let archive = disk.end();
    let said = python(
        "import sys, zipfile\n\
         z = zipfile.ZipFile(sys.argv[1])\n\
         print(len(z.infolist()), z.read('many/69999'), z.testzip())",
        archive,
    );
    assert_eq!(said, "70001 b'69999' None\n");
    run("unzip", &["-tq", &archive.display().to_string()]);
}

#[test]
fn exactly_what_sixteen_bits_cannot_count_is_found() {
    for count in [65_534, 65_535] {
        let mut disk = Disk::new();
        for n in 0..count {
            disk.file(&n.to_string(), 0, b"");
        }
        let said = python(
            "import sys, zipfile; print(len(zipfile.ZipFile(sys.argv[1]).infolist()))",
            disk.end(),
        );
        assert_eq!(said, format!("{count}\n"));
    }
}

#[test]
fn an_archive_of_nothing_is_one() {
    let mut disk = Disk::new();
    let said = python(
        "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).infolist())",
        disk.end(),
    );
    assert_eq!(said, "[]\n");
}

#[test]
fn names_and_times_come_back() {
    let long = "长".repeat(85);
    let deep = vec!["level"; 128].join("/");
    let times = [
        (0, (1980, 1, 1, 0, 0, 0)),
        (-86_400 * 365 * 80, (1980, 1, 1, 0, 0, 0)),
        (315_532_799, (1980, 1, 1, 0, 0, 0)),
        (315_532_800, (1980, 1, 1, 0, 0, 0)),
        (951_782_400, (2000, 2, 29, 0, 0, 0)),
        (1_709_210_096, (2024, 2, 29, 12, 34, 56)),
        (1_795_000_001, (2026, 11, 18, 11, 6, 40)),
        (4_102_444_799, (2099, 12, 31, 23, 59, 58)),
        (4_354_819_199, (2107, 12, 31, 23, 59, 58)),
        (i64::MAX, (2107, 12, 31, 23, 59, 58)),
    ];
    let names = ["照片.jpg", "😀 👩‍👩‍👧.txt", "CON~1 (copy) & more.TXT", "é", &long, &deep];
    let mut disk = Disk::new();
    for (n, (modified, _)) in times.iter().enumerate() {
        disk.file(&format!("time {n}"), *modified, b"x");
    }
    for name in names {
        disk.file(name, 0, name.as_bytes());
    }
    disk.with(|zip, out| zip.folder(out, "空", 1_700_000_000));
    let archive = disk.end();
    let said = python(
        "import sys, zipfile\n\
         z = zipfile.ZipFile(sys.argv[1])\n\
         assert z.testzip() is None\n\
         for i in z.infolist():\n\
         \x20   print(ascii(i.filename), i.date_time, i.flag_bits, oct(i.external_attr >> 16), i.is_dir())\n\
         \x20   assert i.is_dir() or i.filename.startswith('time') or z.read(i).decode() == i.filename",
        archive,
    );
    let lines: Vec<&str> = said.lines().collect();
    for (n, (_, (y, mo, d, h, mi, s))) in times.iter().enumerate() {
        let wanted = format!("'time {n}' ({y}, {mo}, {d}, {h}, {mi}, {s}) 2048 0o100644 False");
        assert_eq!(lines[n], wanted);
    }
    assert_eq!(lines.len(), times.len() + names.len() + 1);
    assert!(
        lines[times.len() + names.len()].ends_with(" 2048 0o40755 True"),
        "{said}"
    );
    // With the time to the second: what MS-DOS's time would have halved.
    let listed = run("unzip", &["-Zv", &archive.display().to_string(), "time 6"]);
    assert!(listed.contains("11:06:41"), "{listed}");
    run("unzip", &["-tq", &archive.display().to_string()]);
}

#[test]
fn a_content_of_another_length_is_refused() {
    let mut zip = Writer::default();
    let mut out = Vec::new();
    zip.begin(&mut out, "a".into(), 0, 5).expect("begun");
    zip.content(b"1234");
    assert!(zip.end(&mut out).is_err());
    assert!(zip.end(&mut out).is_err(), "there is none open");
    assert!(zip.file(&mut out, "a".repeat(70_000), 0, b"").is_err());
}
