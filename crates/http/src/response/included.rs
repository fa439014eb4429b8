//! The members that an address in a response has only on demand.

use addressbook_domain::{
    AddressId, DefaultAddresses, PostalAddress, Purpose, Script, label_lines,
};

use crate::request::include::Included;

/// The member `label`: the lines that `GET …/label` returns without parameters.
pub(crate) fn label(address: &PostalAddress<'_>) -> Vec<String> {
    label_lines(address, Script::Local, None)
}

/// The member `default_for`: the purposes for which an address is the default.
pub(crate) fn default_for<'a>(defaults: &'a DefaultAddresses, id: &str) -> Vec<&'a str> {
    defaults.purposes_of(id).map(Purpose::as_str).collect()
}

/// What the tag of a list contains for an included member, because the revision does not
/// determine its value: a release with other country rules returns other labels.
pub(crate) const fn tag_of_list(included: Included) -> &'static str {
    match included {
        // The revision of the book determines them.
        Included::DefaultFor => "default_for",
        Included::Label => LABELS,
    }
}

/// What the tag of a single address contains for an included member.
pub(crate) fn tag_of_address(
    included: Included,
    id: &AddressId,
    defaults: &DefaultAddresses,
) -> String {
    let tag = tag_of_list(included);
    match included {
        Included::DefaultFor => {
            let purposes = default_for(defaults, id.as_str());
            format!("{tag}-{}", purposes.join("."))
        }
        Included::Label => tag.to_owned(),
    }
}

/// A digest of labels in all countries, so that tags of releases with other labels do not match. A
/// test checks it.
const LABELS: &str = "label-HTOPu61t";

#[cfg(test)]
mod tests {
    use addressbook_domain::{CountryRules, Member};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Addresses with all members, and with all but one.
    #[test]
    fn the_tag_changes_with_the_labels() {
        let mut digest = Sha256::new();
        for country in CountryRules::countries() {
            for absent in Member::ALL {
                let text = |member: Member| match member == absent {
                    true => "",
                    false => member.name(),
                };
                let address = PostalAddress::of(country.country, text);
                digest.update(label(&address).join("\n"));
            }
        }
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&digest.finalize()[..6]);
        assert_eq!(
            LABELS,
            format!("label-{digest}"),
            "labels changed: update the constant, so that clients read them again"
        );
    }
}
