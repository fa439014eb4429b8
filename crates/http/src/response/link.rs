use addressbook_domain::{Limit, Offset};

/// The `Link` (RFC 8288) from a page to the first, the previous and the next one of a list of
/// `total` addresses. `selection` is the rest of the query.
///
/// The targets are relative to the path that the client requested, so they are valid even if a
/// gateway shortens the path. They repeat its last segment because some resolvers (`java.net.URI`)
/// lose it if a reference consists only of a query.
pub(crate) fn by_offset(total: u64, limit: Limit, offset: Offset, selection: &str) -> String {
    let (step, offset) = (u64::from(limit.get()), offset.get());
    let previous = offset.min(total).saturating_sub(step);
    let links = [
        Some(("first", 0)),
        (offset > 0).then_some(("prev", previous)),
        (offset + step < total).then_some(("next", offset + step)),
    ];
    let mut digits = itoa::Buffer::new();
    let mut value = String::with_capacity(128 + 3 * selection.len());
    for (relation, offset) in links.into_iter().flatten() {
        let offset = digits.format(offset);
        push(&mut value, relation, limit, ("offset", offset), selection);
    }
    value
}

/// The `Link` from a page to the first and the next one, for a client that pages by cursors.
pub(crate) fn by_cursor(next: Option<&str>, limit: Limit, selection: &str) -> String {
    let mut value = String::new();
    for (relation, cursor) in [("first", Some("")), ("next", next)] {
        if let Some(cursor) = cursor {
            push(&mut value, relation, limit, ("after", cursor), selection);
        }
    }
    value
}

fn push(
    value: &mut String,
    relation: &str,
    limit: Limit,
    (parameter, position): (&str, &str),
    selection: &str,
) {
    let mut digits = itoa::Buffer::new();
    for part in [
        if value.is_empty() { "" } else { ", " },
        "<addresses?limit=",
        digits.format(limit.get()),
        "&",
        parameter,
        "=",
        position,
        if selection.is_empty() { "" } else { "&" },
        selection,
        ">; rel=\"",
        relation,
        "\"",
    ] {
        value.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_within_the_book() {
        for (total, limit, offset, previous, next) in [
            (0, 2, 0, None, None),
            (2, 2, 0, None, None),
            (3, 2, 0, None, Some(2)),
            (9, 2, 1, Some(0), Some(3)),
            (9, 2, 3, Some(1), Some(5)),
            (9, 2, 7, Some(5), None),
            (9, 2, 8, Some(6), None),
            (9, 2, Offset::MAX, Some(7), None),
            (1, 2, 5, Some(0), None),
            (0, 2, 5, Some(0), None),
        ] {
            let parsed_limit = Limit::parse(&limit.to_string()).unwrap();
            let parsed_offset = Offset::parse(&offset.to_string()).unwrap();
            let link = |relation: &str, offset: Option<u64>| {
                offset.map(|offset| {
                    format!("<addresses?limit={limit}&offset={offset}>; rel=\"{relation}\"")
                })
            };
            let expected: Vec<_> = [
                link("first", Some(0)),
                link("prev", previous),
                link("next", next),
            ]
            .into_iter()
            .flatten()
            .collect();
            assert_eq!(
                by_offset(total, parsed_limit, parsed_offset, ""),
                expected.join(", ")
            );
        }
    }
}
