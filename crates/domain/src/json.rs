//! Strict JSON for all inputs: RFC 8259, with the restrictions of RFC 7493 (I-JSON) where two
//! parsers could disagree. Duplicate member names, lone surrogates, NUL characters, numbers
//! beyond a double's range, text after the value and nesting deeper than a limit are rejected.
//! Nothing is silently altered.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::de::StrRead;
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a JSON text is rejected: what was found, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JsonError(String);

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        // Most texts are one line. "line 1" would then say nothing, or be mistaken for the line
        // of a file that is being imported.
        Self(
            error
                .to_string()
                .replace(" at line 1 column ", " at column "),
        )
    }
}

/// One member of a JSON object: its name, and its value in the original spelling.
pub type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// Returns the members of a JSON object, in their order.
///
/// # Errors
/// [`JsonError`] if the text is not an object, or has a duplicate member. Only the syntax of the
/// values is checked. [`string`] and [`check`] validate them.
pub fn members(text: &str) -> Result<Vec<Member<'_>>, JsonError> {
    let mut reader = reader_of(text)?;
    let members = reader.deserialize_map(Members)?;
    reader.end()?;
    Ok(members)
}

/// Rejects a byte order mark, which RFC 8259, section 8.1, forbids.
fn reader_of(text: &str) -> Result<serde_json::Deserializer<StrRead<'_>>, JsonError> {
    if text.starts_with('\u{feff}') {
        return Err(JsonError(
            "the JSON begins with a byte order mark (U+FEFF): remove it".into(),
        ));
    }
    Ok(serde_json::Deserializer::from_str(text))
}

/// Decodes a JSON string. Returns `None` if the value is not a string.
///
/// # Errors
/// [`JsonError`] if the string contains a lone surrogate.
pub fn string(value: &RawValue) -> Result<Option<String>, JsonError> {
    if value.get().starts_with('"') {
        Ok(Some(serde_json::from_str(value.get())?))
    } else {
        Ok(None)
    }
}

/// Validates a whole JSON text, with at most `max_depth` levels of arrays and objects.
///
/// # Errors
/// [`JsonError`] if it breaks a rule of this module.
pub fn check(text: &str, max_depth: usize) -> Result<(), JsonError> {
    Strict {
        depth_left: max_depth,
        max_depth,
        shape: None,
        members: None,
    }
    .validate(text)
}

/// A JSON value that all parsers read in the same way. It may be too deep to be stored, or contain
/// NUL characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a> {
    text: &'a str,
    depth: usize,
    has_nul: bool,
}

impl<'a> Json<'a> {
    /// The value in its original spelling.
    pub fn text(self) -> &'a str {
        self.text
    }

    /// Whether the value is null.
    pub fn is_null(self) -> bool {
        self.text == "null"
    }

    /// The text of a JSON string. `None` if the value is not a string.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let text: Option<Text<'a>> = serde_json::from_str(self.text).ok();
        text.map(|Text(text)| text)
    }

    /// The members of a JSON object, in their order. `None` if the value is not an object.
    pub fn object(self) -> Option<ObjectMembers<'a>> {
        object(self.text).ok().flatten()
    }

    /// The texts of a JSON array of strings. `None` if the value is not one.
    pub fn strings(self) -> Option<Vec<Cow<'a, str>>> {
        let texts: Vec<Text<'a>> = serde_json::from_str(self.text).ok()?;
        Some(texts.into_iter().map(|Text(text)| text).collect())
    }

    /// Checks that the value can be stored: that it has at most `max_depth` levels of arrays and
    /// objects, and no NUL characters.
    ///
    /// # Errors
    /// [`JsonError`] if it cannot be stored.
    pub fn check_storable(self, max_depth: usize) -> Result<(), JsonError> {
        match self.depth > max_depth || self.has_nul {
            // Reads the value again, to find the position of the error.
            true => check(self.text, max_depth),
            false => Ok(()),
        }
    }
}

/// The names and values of an object's members, in their order.
pub type ObjectMembers<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Parses a JSON text strictly, once. Returns the members of an object, in their order, or `None` if
/// the text is another JSON value. Accepts NUL characters and up to 127 levels, see
/// [`Json::check_storable`].
///
/// # Errors
/// [`JsonError`] if the text breaks another rule of this module.
pub fn object(text: &str) -> Result<Option<ObjectMembers<'_>>, JsonError> {
    let shapes = RefCell::default();
    Strict {
        depth_left: usize::MAX,
        max_depth: usize::MAX,
        shape: Some(&Shape::default()),
        members: Some(&shapes),
    }
    .validate(text)?;
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let mut object = Vec::new();
    for ((name, value), shape) in members(text)?.into_iter().zip(shapes.into_inner()) {
        let json = Json {
            text: value.get(),
            depth: shape.depth.get(),
            has_nul: shape.has_nul.get(),
        };
        object.push((name, json));
    }
    Ok(Some(object))
}

/// Applies a JSON merge patch (RFC 7396) to a text. Members that the patch does not name keep
/// their order and spelling. New members come last, in the order of the patch. Both texts must be
/// valid JSON. A target that is not an object counts as an empty object.
///
/// # Errors
/// [`JsonError`] if an object has a duplicate member.
pub fn merge_patch(target: &str, patch: &str) -> Result<String, JsonError> {
    let is_object = |text: &str| text.trim_start().starts_with('{');
    if !is_object(patch) {
        return Ok(compact(patch));
    }
    let target = if is_object(target) {
        spelled_members(target)?
    } else {
        Vec::new()
    };
    let patch = members(patch)?;
    let changes: HashMap<_, _> = patch
        .iter()
        .map(|(name, change)| (&**name, *change))
        .collect();
    let mut merged = Vec::new();
    let mut known = HashSet::new();
    for (spelling, value) in target {
        let name: String = serde_json::from_str(spelling)?;
        match changes.get(&*name) {
            Some(change) if change.get() == "null" => {}
            Some(change) => {
                let value = merge_patch(value.get(), change.get())?;
                merged.push(format!("{spelling}:{value}"));
            }
            None => merged.push(format!("{spelling}:{}", value.get())),
        }
        known.insert(name);
    }
    for (name, change) in &patch {
        if change.get() != "null" && !known.contains(&**name) {
            let name = serde_json::to_string(name)?;
            merged.push(format!("{name}:{}", merge_patch("{}", change.get())?));
        }
    }
    Ok(format!("{{{}}}", merged.join(",")))
}

/// Returns the members of an object, with their names in the original spelling.
fn spelled_members(text: &str) -> Result<Vec<(&str, &RawValue)>, JsonError> {
    struct Spelled;

    impl<'de> Visitor<'de> for Spelled {
        type Value = Vec<(&'de str, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
                members.push((name.get(), value));
            }
            Ok(members)
        }
    }

    Ok(serde_json::Deserializer::from_str(text).deserialize_map(Spelled)?)
}

/// Removes insignificant white space. The spelling of strings and numbers and the order of
/// members stay unchanged. The text must be valid JSON.
pub fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |char: &char| {
        let significant = in_string || !matches!(char, ' ' | '\t' | '\n' | '\r');
        if in_string {
            in_string = escaped || *char != '"';
            escaped = !escaped && *char == '\\';
        } else {
            in_string = *char == '"';
        }
        significant
    };
    text.chars().filter(keep).collect()
}

/// Returns how deeply a JSON text is nested, in levels of objects and arrays.
pub(crate) fn depth(text: &str) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        let mut names = HashSet::new();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            if let Some(twice) = names.replace(name.clone()) {
                return Err(A::Error::custom(format_args!("duplicate member {twice:?}")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A JSON string, borrowed if it contains no escapes.
#[derive(serde::Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// What limits whether a value can be stored.
#[derive(Debug, Default)]
struct Shape {
    depth: Cell<usize>,
    has_nul: Cell<bool>,
}

/// Visits a whole value and rejects what breaks a rule of this module.
#[derive(Clone, Copy)]
struct Strict<'s> {
    depth_left: usize,
    max_depth: usize,
    /// Records NUL characters and the depth, instead of rejecting them.
    shape: Option<&'s Shape>,
    /// Records the shapes of the members of an object, if this is the whole text.
    members: Option<&'s RefCell<Vec<Shape>>>,
}

impl Strict<'_> {
    fn validate(self, text: &str) -> Result<(), JsonError> {
        let mut reader = reader_of(text)?;
        self.deserialize(&mut reader)?;
        Ok(reader.end()?)
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => {
                if let Some(shape) = self.shape {
                    let depth = self.max_depth - depth_left;
                    shape.depth.set(shape.depth.get().max(depth));
                }
                Ok(Self { depth_left, ..self })
            }
            None => Err(E::custom(format_args!(
                "nested deeper than {} levels",
                self.max_depth
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match self.shape {
            _ if !text.contains('\0') => Ok(()),
            Some(shape) => {
                shape.has_nul.set(true);
                Ok(())
            }
            None => Err(E::custom("a NUL character, which cannot be stored")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = Self {
            members: None,
            ..self.deeper()?
        };
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = match self.members {
            // Each member of the whole text has its own shape, and counts from level 1.
            Some(_) => self,
            None => self.deeper()?,
        };
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.visit_str(&name)?;
            if let Some(twice) = names.replace(name) {
                return Err(A::Error::custom(format_args!("duplicate member {twice:?}")));
            }
            let Some(members) = self.members else {
                map.next_value_seed(inner)?;
                continue;
            };
            let shape = Shape::default();
            map.next_value_seed(Strict {
                shape: Some(&shape),
                members: None,
                ..inner
            })?;
            members.borrow_mut().push(shape);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_keep_their_order_and_spelling() {
        let members = members(r#" {"b": 1.50, "a": [ 1 ], "\u0063": null} "#).unwrap();
        let spelled: Vec<_> = members
            .iter()
            .map(|(name, value)| (&**name, value.get()))
            .collect();
        assert_eq!(spelled, [("b", "1.50"), ("a", "[ 1 ]"), ("c", "null")]);
    }

    #[test]
    fn members_reject_non_objects_and_duplicates() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            r#"{"a":1"#,
            r#"{"a":1} x"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(members(text).is_err(), "{text}");
        }
    }

    #[test]
    fn check_rejects_what_parsers_could_read_differently() {
        for text in [
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"\u0000":1}"#,
            r#"{"a":1e400}"#,
            r#"{"a":1}{}"#,
            r#"{"a":[[[1]]]}"#,
            r#"{"a":01}"#,
            "{'a':1}",
        ] {
            assert!(check(text, 3).is_err(), "{text}");
        }
        for text in [
            r#"{"a":[[1]]}"#,
            "-1.5e300",
            r#""\ud83c\udfe0""#,
            "null",
            "[true,false]",
        ] {
            assert_eq!(check(text, 3), Ok(()), "{text}");
        }
    }

    #[test]
    fn members_of_an_object_know_whether_they_can_be_stored() {
        let text = r#"{"flat": 1, "deep": {"a": [{"b": 1}]}, "nul": ["\u0000"]}"#;
        let members = object(text).unwrap().unwrap();
        let storable = |max_depth| {
            members
                .iter()
                .filter(|(_, json)| json.check_storable(max_depth).is_ok())
                .map(|(name, _)| &**name)
                .collect::<Vec<_>>()
        };
        assert_eq!(storable(2), ["flat"]);
        assert_eq!(storable(3), ["flat", "deep"]);
        let error = members[2].1.check_storable(3).unwrap_err();
        assert!(error.to_string().contains("NUL"), "{error}");
        assert_eq!(object("[1]"), Ok(None));
    }

    #[test]
    fn object_accepts_what_cannot_be_stored() {
        for text in [
            r#"{"\u0000":"\u0000"}"#,
            &format!("{}{}", "[".repeat(127), "]".repeat(127)),
        ] {
            assert!(object(text).is_ok(), "{text}");
            assert!(check(text, 3).is_err(), "{text}");
        }
        for text in [
            "",
            "\u{feff}{}",
            "{}{}",
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
            r#"["\ud800"]"#,
            "[1e400]",
            &"[".repeat(100_000),
        ] {
            assert!(object(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compact_removes_only_white_space_between_tokens() {
        assert_eq!(
            compact("{ \"a b\" : \"c \\\" \\\\\" ,\n\"d\":\t1.0 }"),
            r#"{"a b":"c \" \\","d":1.0}"#
        );
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (text, expected) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a[":"{\"[[","b":[{}]}"#, 3),
            (r#"[[],[[]],{"a":"\\"}]"#, 3),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn merge_patch_follows_rfc_7396_appendix_a() {
        for (target, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(
                merge_patch(target, patch).unwrap(),
                merged,
                "{target} {patch}"
            );
        }
    }

    #[test]
    fn merge_patch_preserves_members_that_it_does_not_name() {
        assert_eq!(
            merge_patch(
                r#"{"z":1.50,"\u0061":[1e3],"m":{"y":-0,"x":"\/"}}"#,
                r#"{ "m": { "x": null, "new": [ 1 ] }, "a" : { "deep" : 1.0 } }"#
            )
            .unwrap(),
            r#"{"z":1.50,"\u0061":{"deep":1.0},"m":{"y":-0,"new":[1]}}"#
        );
    }

    proptest! {
        #[test]
        fn compact_undoes_pretty_printing(names in prop::collection::vec(".*", 0..5), text in ".*") {
            let value: serde_json::Map<_, _> =
                names.into_iter().map(|name| (name, text.clone().into())).collect();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), serde_json::to_string(&value).unwrap());
        }
    }
}
