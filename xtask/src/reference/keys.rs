//! The keys of a configuration, table by table, as its types have them.

use syn::{Expr, Field, Fields, GenericArgument, ItemEnum, PathArguments, Type};

use super::ranges::{Range, ranges};
use super::source::{Serde, Source, documentation};

/// A key of a configuration.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) kind: String,
    /// `None` if it is required.
    pub(super) default: Option<String>,
    pub(super) range: String,
    pub(super) meaning: String,
}

/// The word for a key that may be absent.
pub(super) const OMITTED: &str = "omitted";

/// Types whose functions check the keys of others.
const CHECKED_BY: [(&str, &str); 2] =
    [("VoiceEncoderConfig", "ConvolutionsConfig"), ("PairDistribution", "FaceDistributionConfig")];

/// All keys of the type of this name.
pub(super) fn keys(source: &Source, name: &str) -> Result<Vec<Key>, String> {
    let ranges = ranges(source);
    let mut walk =
        Walk { source, ranges, root: name, tables: Vec::new(), variant: None, keys: Vec::new() };
    walk.table(name, "")?;
    Ok(walk.keys)
}

/// How a type is written in a file.
#[derive(Clone)]
struct Shape {
    optional: bool,
    list: bool,
    /// Length of an array.
    array: Option<String>,
    name: String,
}

struct Walk<'a> {
    source: &'a Source,
    ranges: Vec<Range>,
    root: &'a str,
    /// Names and prefixes of the tables around a key.
    tables: Vec<(String, String)>,
    /// The alternative that a key is in, which checks leave out: `.basis.`.
    variant: Option<String>,
    keys: Vec<Key>,
}

impl Walk<'_> {
    /// The keys of a struct, with `prefix` before their names.
    fn table(&mut self, name: &str, prefix: &str) -> Result<(), String> {
        let missing = || format!("no type {name}; hint: add its file to the list in reference.rs");
        let mut item = self.source.structs.get(name).ok_or_else(missing)?;
        if let Some(from) = Serde::of(&item.attrs).from {
            item = self.source.structs.get(&from).ok_or_else(missing)?;
        }
        let all_default = Serde::of(&item.attrs).default.is_some();
        self.tables.push((name.to_owned(), prefix.to_owned()));
        for field in &item.fields {
            self.field(field, &item.ident.to_string(), prefix, all_default)?;
        }
        self.tables.pop();
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field,
        owner: &str,
        prefix: &str,
        all_default: bool,
    ) -> Result<(), String> {
        let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = format!("{prefix}{ident}");
        let shape = shape(&field.ty).ok_or_else(|| format!("{name}: unknown type"))?;
        let default = match Serde::of(&field.attrs).default {
            _ if shape.optional => Some(OMITTED.to_owned()),
            Some(Some(function)) => self.source.functions.get(&function).cloned(),
            Some(None) => Some(self.default_of(&shape)),
            None if all_default => {
                let own = self.source.defaults.get(&(owner.to_owned(), ident));
                Some(own.cloned().unwrap_or_else(|| self.default_of(&shape)))
            }
            None => None,
        };
        let meaning = documentation(&field.attrs);
        if meaning.is_empty() {
            return Err(format!("{name} has no documentation"));
        }
        if let Some(item) = self.source.enums.get(&shape.name)
            && Serde::of(&item.attrs).from.is_none()
        {
            return self.alternatives(item, &name, default, &meaning);
        }
        if self.source.structs.contains_key(&shape.name) {
            let inner = if shape.list { format!("{name}[].") } else { format!("{name}.") };
            if shape.list {
                self.push(name, "list of tables".to_owned(), default, meaning);
            } else if shape.optional {
                self.push(name, "table".to_owned(), default, meaning);
            }
            return self.table(&shape.name, &inner);
        }
        self.push(name, leaf(&shape)?, default, meaning);
        Ok(())
    }

    /// A key whose value is one of several names, or a table with one key.
    fn alternatives(
        &mut self,
        item: &ItemEnum,
        name: &str,
        default: Option<String>,
        meaning: &str,
    ) -> Result<(), String> {
        let kebab = Serde::of(&item.attrs).kebab_case;
        let mut kinds = Vec::new();
        let mut meaning = meaning.to_owned();
        for variant in &item.variants {
            let text = named(&variant.ident.to_string(), kebab);
            meaning += &format!(" `{text}`: {}", documentation(&variant.attrs));
            kinds.push(match &variant.fields {
                Fields::Unit => format!("`\"{text}\"`"),
                Fields::Unnamed(_) if self.leaf_of(&variant.fields).is_some() => {
                    format!("`{{ {text} = … }}`")
                }
                _ => format!("table `{text}`"),
            });
        }
        let kinds = match kinds.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        self.push(name.to_owned(), kinds, default, meaning);
        for variant in &item.variants {
            let inner = format!("{name}.{}", named(&variant.ident.to_string(), kebab));
            match &variant.fields {
                Fields::Unit => {}
                Fields::Named(fields) => {
                    let owner = item.ident.to_string();
                    let variant = named(&variant.ident.to_string(), kebab);
                    self.variant = Some(format!(".{variant}."));
                    for field in &fields.named {
                        self.field(field, &owner, &format!("{inner}."), false)?;
                    }
                    self.variant = None;
                }
                Fields::Unnamed(_) => match self.leaf_of(&variant.fields) {
                    Some(kind) => {
                        self.push(inner, kind, None, documentation(&variant.attrs));
                    }
                    None => {
                        let of = variant.fields.iter().next().and_then(|field| shape(&field.ty));
                        let of = of.ok_or_else(|| format!("{inner}: unknown type"))?;
                        self.table(&of.name, &format!("{inner}."))?;
                    }
                },
            }
        }
        Ok(())
    }

    /// The kind of the one value of a variant, unless it is a table.
    fn leaf_of(&self, fields: &Fields) -> Option<String> {
        leaf(&shape(&fields.iter().next()?.ty)?).ok()
    }

    fn push(&mut self, name: String, kind: String, default: Option<String>, meaning: String) {
        let mut range = self.range(&name);
        if !kind.starts_with("list") {
            range = range.replace(" entries", "");
        }
        self.keys.push(Key { name, kind, default, range, meaning });
    }

    /// The range of a key: from the root's own functions, from any that name the whole key, and
    /// from those of a table around it.
    fn range(&self, name: &str) -> String {
        let roots: Vec<&str> = super::COMMANDS.iter().map(|(.., root)| *root).collect();
        let without_index = name.replace("[]", "");
        let without_variant = match &self.variant {
            Some(variant) => name.replace(variant.as_str(), "."),
            None => name.to_owned(),
        };
        let is_of = |range: &&Range| {
            let of_other_root = roots.contains(&range.of.as_str()) && range.of != self.root;
            let whole = range.key == without_index && !of_other_root;
            let relative = self.tables.iter().any(|(table, prefix)| {
                let checked_by = CHECKED_BY.iter().any(|(own, by)| own == table && *by == range.of);
                let key = without_variant.strip_prefix(prefix.as_str());
                (*table == range.of || checked_by)
                    && key.is_some_and(|key| key == range.key || key.replace("[]", "") == range.key)
            });
            whole || relative
        };
        let found: Vec<&Range> = self.ranges.iter().filter(is_of).collect();
        // The only value that this command allows.
        let only =
            found.iter().find(|range| range.of == self.root && range.text.parse::<f64>().is_ok());
        if let Some(only) = only {
            return only.text.clone();
        }
        let mut texts: Vec<&str> = found.iter().map(|range| range.text.as_str()).collect();
        texts.retain(|text| *text != "given");
        texts.dedup();
        texts.join("; ")
    }

    /// The value of `Default` for a type.
    fn default_of(&self, shape: &Shape) -> String {
        let one = match shape.name.as_str() {
            "f32" | "f64" => "0.0",
            "usize" | "u64" => "0",
            "bool" => "false",
            name => {
                if let Some(item) = self.source.enums.get(name) {
                    let kebab = Serde::of(&item.attrs).kebab_case;
                    let is_default = |variant: &&syn::Variant| {
                        variant.attrs.iter().any(|attribute| attribute.path().is_ident("default"))
                    };
                    let variant = item.variants.iter().find(is_default);
                    return variant.map_or_else(
                        || OMITTED.to_owned(),
                        |variant| format!("\"{}\"", named(&variant.ident.to_string(), kebab)),
                    );
                }
                OMITTED
            }
        };
        match shape.array.as_ref().and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => format!("[{}]", vec![one; length].join(", ")),
            None => one.to_owned(),
        }
    }
}

/// The name of a variant in a file.
fn named(variant: &str, kebab: bool) -> String {
    if !kebab {
        return variant.to_owned();
    }
    let mut text = String::new();
    for (index, c) in variant.char_indices() {
        if c.is_uppercase() && index > 0 {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

fn shape(of: &Type) -> Option<Shape> {
    match of {
        Type::Array(array) => {
            let Expr::Lit(length) = &array.len else { return None };
            let syn::Lit::Int(length) = &length.lit else { return None };
            let array_length = Some(length.base10_digits().to_owned());
            Some(Shape { array: array_length, ..shape(&array.elem)? })
        }
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
                    GenericArgument::Type(inner) => Some(shape(inner)?),
                    _ => None,
                },
                _ => None,
            };
            let name = last.ident.to_string();
            match (name.as_str(), inner) {
                ("Option", Some(inner)) => Some(Shape { optional: true, ..inner }),
                ("Vec", Some(inner)) => Some(Shape { list: true, ..inner }),
                _ => Some(Shape { optional: false, list: false, array: None, name }),
            }
        }
        _ => None,
    }
}

fn leaf(shape: &Shape) -> Result<String, String> {
    let one = match shape.name.as_str() {
        "String" | "NetworkSource" => "string",
        "PathBuf" => "path",
        "usize" | "u64" => "integer",
        "f32" | "f64" => "float",
        "bool" => "boolean",
        other => return Err(format!("no type {other}; hint: add its file to reference.rs")),
    };
    Ok(match (&shape.array, shape.list) {
        (Some(length), _) => format!("{length} {one}s"),
        (None, true) => format!("list of {one}s"),
        (None, false) => one.to_owned(),
    })
}
