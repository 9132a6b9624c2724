//! Which source file uses which: each path in the source, followed through modules and re-exports to the file
//! that defines the item.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, UseTree, Visibility};

type Segments = Vec<String>;

/// File -> files that it uses -> items that it names there.
pub type Graph = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Longer than any chain of re-exports.
const MAX_RE_EXPORTS: usize = 20;

/// Files that use each other, directly or through others.
pub struct Circle {
    pub files: BTreeSet<String>,
    /// One line for each use inside the circle.
    pub uses: Vec<String>,
}

/// The modules of a crate.
#[derive(Default)]
struct Modules {
    by_path: BTreeMap<Segments, Module>,
}

/// One module: its file, the names in its scope, and the paths that its code contains.
#[derive(Default)]
struct Module {
    file: String,
    names: BTreeMap<String, Name>,
    globs: Vec<Segments>,
    paths: BTreeSet<Segments>,
}

enum Name {
    Defined,
    Child,
    Imported(Segments),
}

/// Parses the crate whose root file is `root`, and returns which of its files uses which.
pub fn read_graph(source: &Path, root: &str) -> Graph {
    let mut modules = Modules::default();
    modules.read_file(source, root, Vec::new());
    modules.graph()
}

/// The groups of files that use each other.
pub fn find_circles(graph: &Graph) -> Vec<Circle> {
    let reachable: BTreeMap<&String, BTreeSet<String>> = graph
        .keys()
        .map(|file| (file, reachable_from(graph, file)))
        .collect();
    let reaches = |from: &String, to: &String| reachable.get(from).is_some_and(|files| files.contains(to));
    let mut circles: Vec<Circle> = Vec::new();
    for file in graph.keys().filter(|file| reaches(file, file)) {
        if circles.iter().any(|circle| circle.files.contains(file)) {
            continue;
        }
        let files: BTreeSet<String> = reachable[file]
            .iter()
            .filter(|other| reaches(other, file))
            .cloned()
            .collect();
        let uses = files
            .iter()
            .flat_map(|from| graph[from].iter().map(move |(to, items)| (from, to, items)))
            .filter(|(_, to, _)| files.contains(*to))
            .map(|(from, to, items)| {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                format!("{from} uses {to}: {}", items.join(", "))
            })
            .collect();
        circles.push(Circle { files, uses });
    }
    circles
}

fn reachable_from(graph: &Graph, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![start.to_owned()];
    while let Some(file) = next.pop() {
        for other in graph.get(&file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(other.clone()) {
                next.push(other.clone());
            }
        }
    }
    found
}

impl Modules {
    fn read_file(&mut self, source: &Path, file: &str, path: Segments) {
        let text = fs::read_to_string(source.join(file)).expect("source is text");
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let File { items, .. } = parsed;
        self.read_items(source, file, path, &items);
    }

    fn read_items(&mut self, source: &Path, file: &str, path: Segments, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            if let Item::Mod(child) = item {
                let name = child.ident.to_string();
                let mut child_path = path.clone();
                child_path.push(name.clone());
                match &child.content {
                    Some((_, items)) => self.read_items(source, file, child_path, items),
                    None => self.read_file(source, &file_of(source, &child_path), child_path),
                }
                module.names.insert(name, Name::Child);
            } else {
                if let Some(name) = defined_name(item) {
                    module.names.insert(name, Name::Defined);
                }
                module.visit_item(item);
            }
        }
        self.by_path.insert(path, module);
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (path, module) in &self.by_path {
            let uses = graph.entry(module.file.clone()).or_default();
            for named in &module.paths {
                let found = self.resolve(path, named, 0);
                if let Some((file, item)) = found.filter(|(file, _)| *file != module.file) {
                    uses.entry(file).or_default().insert(item);
                }
            }
        }
        graph
    }

    /// The file that defines what a path names, and the item's name; None for a module and for what is not
    /// of this crate.
    fn resolve(&self, scope: &[String], named: &[String], depth: usize) -> Option<(String, String)> {
        if depth > MAX_RE_EXPORTS {
            return None;
        }
        let mut here = scope.to_vec();
        let mut rest = named;
        let mut is_anchored = false;
        while let Some(first) = rest.first() {
            match first.as_str() {
                "crate" => here.clear(),
                "self" => {}
                "super" => {
                    here.pop();
                }
                _ => break,
            }
            is_anchored = true;
            rest = &rest[1..];
        }
        while let Some((first, after)) = rest.split_first() {
            let module = self.by_path.get(&here)?;
            match module.names.get(first) {
                Some(Name::Child) => {
                    here.push(first.clone());
                    rest = after;
                }
                Some(Name::Defined) => return Some((module.file.clone(), first.clone())),
                Some(Name::Imported(path)) => {
                    let whole = [path.as_slice(), after].concat();
                    return self.resolve(&here, &whole, depth + 1);
                }
                None => {
                    let whole = |glob: &Segments| [glob.as_slice(), rest].concat();
                    let by_glob = module.globs.iter().map(whole);
                    let found = by_glob
                        .filter_map(|path| self.resolve(&here, &path, depth + 1))
                        .next();
                    // Else a macro of this module makes it.
                    return found.or_else(|| is_anchored.then(|| (module.file.clone(), first.clone())));
                }
            }
            is_anchored = true;
        }
        None
    }
}

impl Module {
    /// A re-export names no use of this module's own: only code that uses the name does.
    fn read_use(&mut self, tree: &UseTree, before: &[String], is_re_export: bool) {
        match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.read_use(&path.tree, &before, is_re_export);
            }
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.read_use(tree, before, is_re_export)),
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.import(last, before.to_vec(), is_re_export);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let path = [before, std::slice::from_ref(&name)].concat();
                self.import(name, path, is_re_export);
            }
            UseTree::Rename(rename) => {
                let path = [before, &[rename.ident.to_string()]].concat();
                self.import(rename.rename.to_string(), path, is_re_export);
            }
            UseTree::Glob(_) => self.globs.push(before.to_vec()),
        }
    }

    fn import(&mut self, name: String, path: Segments, is_re_export: bool) {
        if !is_re_export {
            self.paths.insert(path.clone());
        }
        self.names.entry(name).or_insert(Name::Imported(path));
    }
}

impl<'a> Visit<'a> for Module {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let is_re_export = !matches!(item.vis, Visibility::Inherited);
        self.read_use(&item.tree, &[], is_re_export);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments = path.segments.iter();
        self.paths
            .insert(segments.map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    /// What a macro is called with is no syntax tree: its paths are found in its text.
    fn visit_macro(&mut self, called: &'a syn::Macro) {
        self.visit_path(&called.path);
        self.paths.extend(paths_in(&called.tokens.to_string()));
    }
}

/// The paths in the tokens of a macro, without the names of fields and methods and without string literals.
fn paths_in(tokens: &str) -> Vec<Segments> {
    let text: String = tokens
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(" :: ", "::");
    let mut without_literals = String::new();
    let mut is_inside = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if is_inside => drop(letters.next()),
            '"' => is_inside = !is_inside,
            _ if is_inside => {}
            _ => without_literals.push(letter),
        }
    }
    let is_of_path =
        |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':' || letter == '.';
    without_literals
        .replace(". ", ".")
        .replace(" .", ".")
        .split(|letter| !is_of_path(letter))
        .filter_map(|word| word.split('.').next())
        .map(|word| word.split("::").map(str::to_owned).collect())
        .filter(|path: &Segments| path.iter().all(|segment| !segment.is_empty()))
        .collect()
}

fn file_of(source: &Path, path: &[String]) -> String {
    let plain = path.join("/") + ".rs";
    if source.join(&plain).exists() {
        plain
    } else {
        path.join("/") + "/mod.rs"
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string().starts_with("test"))
    })
}

#[test]
fn finds_a_circle_through_a_re_export_and_a_macro() {
    let place = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = place.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let circles = || {
        let graph = read_graph(place.path(), "lib.rs");
        let files = |circle: Circle| circle.files.into_iter().collect::<Vec<_>>();
        find_circles(&graph).into_iter().map(files).collect::<Vec<_>>()
    };
    write("lib.rs", "pub mod room; pub mod user;");
    write("room/mod.rs", "mod shelf; pub use shelf::Shelf;");
    write("user.rs", "pub fn count() -> usize { 1 }");
    write(
        "room/shelf.rs",
        "pub struct Shelf; pub fn print() { println!(\"{}\", crate::user::count()); }",
    );
    assert_eq!(circles(), Vec::<Vec<String>>::new());

    write(
        "user.rs",
        "use crate::room::Shelf; pub fn count() -> usize { let _ = Shelf; 1 }",
    );
    assert_eq!(circles(), [["room/shelf.rs", "user.rs"]]);

    write(
        "user.rs",
        "pub fn count() -> usize { 1 } #[cfg(test)] mod tests { use crate::room::Shelf; }",
    );
    write(
        "room/mod.rs",
        "mod shelf; pub use shelf::Shelf; pub const LIMIT: u8 = 1;",
    );
    write(
        "room/shelf.rs",
        "use super::LIMIT; pub struct Shelf(pub [u8; LIMIT as usize]);",
    );
    assert_eq!(
        circles(),
        Vec::<Vec<String>>::new(),
        "a re-export alone is no use"
    );

    let used =
        "mod shelf; pub use shelf::Shelf; pub const LIMIT: u8 = 1; pub fn make() -> Option<Shelf> { None }";
    write("room/mod.rs", used);
    assert_eq!(circles(), [["room/mod.rs", "room/shelf.rs"]]);
}
