//! Ranges of keys, from the calls that check them: in s2f-train
//! `within("clips.seconds", self.seconds, 1.0, MAX)`, in s2f-nn
//! `CHECKS.range("hidden", self.hidden, WIDTH)`.

use syn::visit::Visit;
use syn::{Expr, Item, Lit, Pat, RangeLimits};

use super::source::{Source, type_name};

/// A range of a key.
#[derive(Debug, PartialEq)]
pub(super) struct Range {
    /// The type whose function checks it.
    pub(super) of: String,
    pub(super) key: String,
    pub(super) text: String,
}

/// The ranges that are checked in the files of `source`.
pub(super) fn ranges(source: &Source) -> Vec<Range> {
    let mut all = Vec::new();
    for (file, parsed) in source.files.iter().enumerate() {
        for item in &parsed.items {
            if let Item::Impl(item) = item
                && let Some(of) = type_name(&item.self_ty)
            {
                let mut calls = Calls { file, of: &of, source, wanted: None, found: Vec::new() };
                calls.visit_item_impl(item);
                all.extend(calls.found);
            }
        }
    }
    all
}

struct Calls<'a> {
    file: usize,
    of: &'a str,
    source: &'a Source,
    /// The last `let wanted = || "…"`.
    wanted: Option<String>,
    found: Vec<Range>,
}

impl Calls<'_> {
    fn add(&mut self, key: &str, text: String) {
        // "number of layers", "layers[{index}].channels"
        let (key, text) = match key.strip_prefix("number of ") {
            Some(key) => (key, format!("{text} entries")),
            None => (key, text),
        };
        let key = key.split(['{', '}']).enumerate().filter(|(i, _)| i % 2 == 0);
        let key: String = key.map(|(_, part)| part).collect();
        let key = key.trim_end_matches("[]").to_owned();
        if !self.found.iter().any(|range| range.key == key && range.text == text) {
            self.found.push(Range { of: self.of.to_owned(), key, text });
        }
    }

    fn function(&mut self, name: &str, arguments: &[&Expr]) {
        let Some(key) = arguments.first().and_then(|key| text_of(key)) else { return };
        let value = |index: usize| self.source.value(self.file, arguments.get(index)?);
        let text = match name {
            "within" => value(2).zip(value(3)).map(|(min, max)| format!("{min} to {max}")),
            "at_least" => value(2).map(|min| format!("{min} or more")),
            "positive" => Some("above 0".to_owned()),
            "not_negative" => Some("0 or more".to_owned()),
            "equal" => value(2),
            "check" => match arguments.get(1) {
                Some(Expr::Closure(closure)) => text_of(&closure.body),
                _ => self.wanted.clone(),
            },
            _ => None,
        };
        if let Some(text) = text {
            self.add(&key, text.strip_prefix("from ").unwrap_or(&text).to_owned());
        }
    }

    fn method(&mut self, name: &str, arguments: &[&Expr]) {
        if !matches!(name, "range" | "position") {
            return;
        }
        let Some(key) = arguments.first().and_then(|key| text_of(key)) else { return };
        let Some(range) = arguments.get(2) else { return };
        let range = match range {
            Expr::Path(path) => {
                let name = path.path.segments.last().map(|part| part.ident.to_string());
                name.and_then(|name| self.source.constant(self.file, &name))
            }
            range => Some(*range),
        };
        let Some(Expr::Range(range)) = range else { return };
        let value = |end: &Expr| self.source.value(self.file, end);
        let ends = range.start.as_deref().zip(range.end.as_deref());
        let ends = ends.and_then(|(a, b)| value(a).zip(value(b)));
        if let (Some((min, max)), RangeLimits::Closed(_)) = (ends, &range.limits) {
            self.add(&key, format!("{min} to {max}"));
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Pat::Ident(name) = &local.pat
            && name.ident == "wanted"
            && let Some(init) = &local.init
            && let Expr::Closure(closure) = &*init.expr
        {
            self.wanted = text_of(&closure.body);
        }
        syn::visit::visit_local(self, local);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(path) = &*call.func
            && let Some(name) = path.path.segments.last()
        {
            let arguments: Vec<&Expr> = call.args.iter().collect();
            self.function(&name.ident.to_string(), &arguments);
        }
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let arguments: Vec<&Expr> = call.args.iter().collect();
        self.method(&call.method.to_string(), &arguments);
        syn::visit::visit_expr_method_call(self, call);
    }

    /// The lists of `loss_weights`: `("losses.pixel", losses.pixel)`.
    fn visit_expr_tuple(&mut self, tuple: &'ast syn::ExprTuple) {
        if let Some(key) = tuple.elems.first().and_then(text_of)
            && key.starts_with("losses.")
        {
            self.add(&key, "0 or more".to_owned());
        }
        syn::visit::visit_expr_tuple(self, tuple);
    }
}

/// The text of a literal, perhaps in `.into()`, in parentheses or in a `format!` without values
/// other than indices.
fn text_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        Expr::MethodCall(call) => text_of(&call.receiver),
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(inner, None)] => text_of(inner),
            _ => None,
        },
        Expr::Macro(of) if of.mac.path.is_ident("format") => {
            let text: syn::LitStr = syn::parse2(of.mac.tokens.clone()).ok()?;
            let text = text.value();
            let is_index = text.contains("[{") || !text.contains('{');
            is_index.then_some(text)
        }
        _ => None,
    }
}
