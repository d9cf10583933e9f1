//! The parts of source files that say what a configuration may hold.

use std::collections::BTreeMap;
use std::fs;

use syn::{
    Attribute, Expr, Fields, FnArg, ImplItem, Item, ItemEnum, ItemStruct, Lit, Meta, Stmt, Type,
};

use crate::root;

/// What was found in the files.
#[derive(Default)]
pub(super) struct Source {
    pub(super) structs: BTreeMap<String, ItemStruct>,
    pub(super) enums: BTreeMap<String, ItemEnum>,
    /// What functions without arguments return, for the defaults of keys.
    pub(super) functions: BTreeMap<String, String>,
    /// Values of constants, by name and file.
    constants: BTreeMap<String, BTreeMap<usize, Expr>>,
    /// Values of `impl Default`, by type and field.
    pub(super) defaults: BTreeMap<(String, String), String>,
    pub(super) files: Vec<syn::File>,
}

impl Source {
    /// Reads files by their names in the repository.
    pub(super) fn read(files: &[&str]) -> Result<Self, String> {
        let mut source = Self::default();
        let mut parsed = Vec::new();
        for name in files {
            let text = fs::read_to_string(root().join(name)).map_err(|e| format!("{name}: {e}"))?;
            parsed.push(syn::parse_file(&text).map_err(|e| format!("{name}: {e}"))?);
        }
        source.add_all(parsed);
        Ok(source)
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|e| e.to_string())?;
        let mut source = Self::default();
        source.add_all(vec![file]);
        Ok(source)
    }

    fn add_all(&mut self, files: Vec<syn::File>) {
        for (number, file) in files.iter().enumerate() {
            self.add(number, &file.items);
        }
        self.files = files;
    }

    fn add_constant(&mut self, file: usize, name: String, value: Expr) {
        self.constants.entry(name).or_default().insert(file, value);
    }

    /// The value of a constant: that of the file with this number, or else of the only other file
    /// that has it.
    pub(super) fn constant(&self, file: usize, name: &str) -> Option<&Expr> {
        let values = self.constants.get(name)?;
        let only = || values.values().next().filter(|_| values.len() == 1);
        values.get(&file).or_else(only)
    }

    fn add(&mut self, file: usize, items: &[Item]) {
        for item in items {
            match item {
                Item::Struct(item) if matches!(item.fields, Fields::Named(_)) => {
                    self.structs.insert(item.ident.to_string(), item.clone());
                }
                Item::Enum(item) => drop(self.enums.insert(item.ident.to_string(), item.clone())),
                Item::Const(item) => {
                    self.add_constant(file, item.ident.to_string(), (*item.expr).clone());
                }
                Item::Fn(item) if item.sig.inputs.is_empty() => {
                    if let Some(Stmt::Expr(value, None)) = item.block.stmts.last() {
                        let value = self.value(file, value).unwrap_or_default();
                        self.functions.insert(item.sig.ident.to_string(), value);
                    }
                }
                Item::Impl(item) => self.add_impl(file, item),
                _ => {}
            }
        }
    }

    fn add_impl(&mut self, file: usize, item: &syn::ItemImpl) {
        let Some(name) = type_name(&item.self_ty) else { return };
        let is_default = item.trait_.as_ref().is_some_and(|of| is_named(of, "Default"));
        for inner in &item.items {
            match inner {
                ImplItem::Const(inner) => {
                    self.add_constant(file, format!("{name}::{}", inner.ident), inner.expr.clone());
                }
                ImplItem::Fn(inner) if is_default => {
                    let has_no_self =
                        !inner.sig.inputs.iter().any(|arg| matches!(arg, FnArg::Receiver(_)));
                    let tail = inner.block.stmts.last();
                    if let (true, Some(Stmt::Expr(Expr::Struct(value), None))) = (has_no_self, tail)
                    {
                        for field in &value.fields {
                            let syn::Member::Named(key) = &field.member else { continue };
                            if let Some(value) = self.value(file, &field.expr) {
                                self.defaults.insert((name.clone(), key.to_string()), value);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A value in a file as TOML has it, if it is a literal, a list of literals or a constant.
    pub(super) fn value(&self, file: usize, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Int(value) => Some(value.base10_digits().to_owned()),
                Lit::Float(value) => Some(value.base10_digits().to_owned()),
                Lit::Bool(value) => Some(value.value.to_string()),
                Lit::Str(value) => Some(value.value()),
                _ => None,
            },
            Expr::Unary(unary) => Some(format!("-{}", self.value(file, &unary.expr)?)),
            Expr::Array(array) => {
                let values: Option<Vec<String>> =
                    array.elems.iter().map(|value| self.value(file, value)).collect();
                Some(format!("[{}]", values?.join(", ")))
            }
            Expr::Cast(cast) => self.value(file, &cast.expr),
            Expr::Path(path) => {
                let names: Vec<String> =
                    path.path.segments.iter().map(|part| part.ident.to_string()).collect();
                self.value(file, self.constant(file, &names.join("::"))?)
            }
            _ => None,
        }
    }
}

/// The last name of a type.
pub(super) fn type_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    Some(path.path.segments.last()?.ident.to_string())
}

fn is_named<T>(of: &(syn::Path, T), name: &str) -> bool {
    of.0.segments.last().is_some_and(|part| part.ident == name)
}

/// The documentation in attributes, as one paragraph of Markdown.
pub(super) fn documentation(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(lit) = &pair.value else { return None };
        let Lit::Str(text) = &lit.lit else { return None };
        pair.path.is_ident("doc").then(|| text.value().trim().to_owned())
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).filter(|l| !l.is_empty()).collect();
    without_links(&lines.join(" "))
}

/// Text without the targets of its links, which are of the library's documentation.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain += before;
        match link.split_once(']') {
            Some((shown, after)) if after.starts_with('(') => {
                plain += shown;
                rest = after.split_once(')').map_or("", |(_, after)| after);
            }
            Some((shown, after)) if shown.starts_with('`') => {
                plain += shown;
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain + rest
}

/// What serde's attributes say.
#[derive(Default)]
pub(super) struct Serde {
    /// `default`, or `default = "function"`.
    pub(super) default: Option<Option<String>>,
    pub(super) kebab_case: bool,
    /// `try_from = "Type"` or `from = "Type"`.
    pub(super) from: Option<String>,
}

impl Serde {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let parsed = attribute.parse_nested_meta(|meta| {
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                    Err(_) => None,
                };
                if meta.path.is_ident("default") {
                    found.default = Some(value);
                } else if meta.path.is_ident("rename_all") {
                    found.kebab_case = value.as_deref() == Some("kebab-case");
                } else if meta.path.is_ident("try_from") || meta.path.is_ident("from") {
                    found.from = value;
                }
                Ok(())
            });
            debug_assert!(parsed.is_ok(), "serde's attributes are names and texts");
        }
        found
    }
}
