use std::time::Duration;

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressPage, AddressRepository, AddressRevision,
    AddressRevisions, BookHead, ChangeKind, CustomerId, Filter, Found, ListPosition, Listing,
    Lookup, Offset, PageRequest, PageStart, RepositoryError, Revision, RevisionRange, Scan,
};
use addressbook_testkit::fixtures;

use super::Faulty;
use crate::addresses::table::Fault::*;

fn offset(offset: u64) -> PageStart {
    PageStart::Offset(Offset::parse(&offset.to_string()).unwrap())
}

fn addresses(found: Vec<Found>) -> Vec<Option<Address>> {
    found.into_iter().map(|found| found.address).collect()
}

impl Faulty {
    pub(super) async fn faulty_list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let store = self.store();
        let head = store.head(customer_id).await?;
        let mut page = page.clone();
        let start = page.start.clone();
        match (self.fault, &start) {
            (FailsForUnknownCustomers, _) if head == BookHead::default() => {
                return Err(RepositoryError::Internal("no such customer".into()));
            }
            (ListsAtMost100, _) => page.limit = fixtures::limit(page.limit.get().min(100)),
            (BeginsOneEarlier, PageStart::Offset(from)) => {
                page.start = offset(from.get().saturating_sub(1));
            }
            (BeginsOneLaterFarIn, PageStart::Offset(from)) if from.get() >= 1_000 => {
                page.start = offset(from.get() + 1);
            }
            (BeginsAgainAtTheEnd, PageStart::Offset(from)) if head.addresses > 0 => {
                page.start = offset(from.get() % head.addresses);
            }
            (ListsFarPagesAsTheBookFirstWas, PageStart::Offset(from)) if from.get() >= 1_000 => {
                let first = self.past().first.clone();
                if let Some(first) = first {
                    let found = first.list(customer_id, &page).await?;
                    return Ok(Self::with_head(&found, head));
                }
            }
            (ListsNothingAfterAMissingId, PageStart::After(ListPosition { id, .. })) => {
                let lookup = Lookup::Id(customer_id.clone(), id.clone());
                if store.find(vec![lookup]).await?[0].address.is_none() {
                    return Ok(AddressPage::new(head));
                }
            }
            (IncludesTheIdToStartAfter, PageStart::After(ListPosition { id, .. })) => {
                let mut all = self.all(Some(customer_id)).await;
                all.retain(|address| address.id >= *id);
                all.truncate(page.limit.get().into());
                return page_with(head, &all);
            }
            (ListsInOrderOfCreation, PageStart::Offset(from)) => {
                let created = self.past().created(customer_id);
                let mut all = self.all(Some(customer_id)).await;
                all.sort_by_key(|address| created.iter().position(|id| *id == address.id));
                let mut rest = all.split_off(all.len().min(from.get() as usize));
                rest.truncate(page.limit.get().into());
                return page_with(head, &rest);
            }
            (ListsTheHeadOfAnotherMoment, _) => {
                self.pause().await;
                let found = store.list(customer_id, &page).await?;
                return Ok(Self::with_head(&found, head));
            }
            _ => {}
        }
        let found = store.list(customer_id, &page).await?;
        match self.fault {
            ForgetsTheHeadPastTheEnd if found.is_empty() => Ok(AddressPage::default()),
            _ => Ok(found),
        }
    }

    pub(super) async fn faulty_page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let store = self.store();
        let mut listing = listing.clone();
        match self.fault {
            MakesPagesOf100Addresses => {
                let mut all = self.all(Some(customer_id)).await;
                all.truncate(100);
                return Ok(listing.apply(store.head(customer_id).await?, all)?);
            }
            MakesPagesWithTheHeadOfAnotherMoment => {
                let head = store.head(customer_id).await?;
                self.pause().await;
                let found = store.page_of(customer_id, &listing).await?;
                return Ok(Self::with_head(&found, head));
            }
            UsesTheLatestTimeAsTheLatestRevision | ShowsRemovedAddressesOfThePast => {
                if let Some(at) = listing.as_of {
                    let created = self.past().created(customer_id);
                    let mut found = Vec::new();
                    for id in created {
                        let mut then = self.revisions_of(customer_id, &id).await;
                        then.retain(|revision| revision.changed_at <= at);
                        if self.has(UsesTheLatestTimeAsTheLatestRevision) {
                            then.sort_by_key(|revision| std::cmp::Reverse(revision.changed_at));
                        }
                        let is_removed = |revision: &AddressRevision| {
                            revision.change == ChangeKind::Removed
                                && !self.has(ShowsRemovedAddressesOfThePast)
                        };
                        let latest = then.into_iter().next();
                        found.extend(latest.filter(|latest| !is_removed(latest)));
                    }
                    let addresses = found.into_iter().map(|revision| revision.address);
                    return Ok(listing.apply(store.head(customer_id).await?, addresses)?);
                }
            }
            IgnoresFilters => listing.filter = Filter::default(),
            IgnoresTheTime => listing.as_of = None,
            ExcludesTheTimeItself => {
                listing.as_of = listing.as_of.map(|at| at.minus(Duration::from_millis(1)));
            }
            _ => {}
        }
        store.page_of(customer_id, &listing).await
    }

    pub(super) async fn find_with_faulty_revisions(
        &self,
        lookups: Vec<Lookup>,
    ) -> Result<Vec<Found>, RepositoryError> {
        if self.has(FindsTheRevisionOfAnotherMoment) {
            let before = self.store().find(lookups.clone()).await?;
            self.pause().await;
            let found = self.store().find(lookups).await?;
            let with_revision = |(found, before): (Found, Found)| Found {
                book_revision: before.book_revision,
                ..found
            };
            return Ok(found.into_iter().zip(before).map(with_revision).collect());
        }
        let revisions = self.store().find(lookups.clone()).await?;
        let mut revisions = revisions.into_iter().map(|found| found.book_revision);
        let found = self.faulty_find(lookups).await?.into_iter();
        let with_revision = |address| Found {
            address,
            book_revision: revisions.next().unwrap_or_default(),
        };
        Ok(found.map(with_revision).collect())
    }

    async fn faulty_find(
        &self,
        mut lookups: Vec<Lookup>,
    ) -> Result<Vec<Option<Address>>, RepositoryError> {
        let store = self.store();
        let asked = lookups.len();
        match self.fault {
            FindsTheFirst25 => lookups.truncate(25),
            FindsAtSeveralMoments => {
                let mut found = Vec::new();
                for lookup in lookups {
                    found.extend(addresses(store.find(vec![lookup]).await?));
                    self.pause().await;
                }
                return Ok(found);
            }
            FindsInACache => {
                let known = self.past().cache.get(&format!("{lookups:?}")).cloned();
                if let Some(known) = known {
                    return Ok(known);
                }
            }
            _ => {}
        }
        let mut found = addresses(store.find(lookups.clone()).await?);
        let everything = self.all(None).await;
        for (lookup, found) in lookups.iter().zip(&mut found) {
            self.alter_found(lookup, found, &everything);
        }
        match self.fault {
            FindsTheFirst25 => found.resize(asked, None),
            FindsInTheOrderOfIds => found.sort_by_key(|found| {
                let id = found.as_ref().map(|found| found.id.clone());
                (id.is_none(), id)
            }),
            FindsOnlyExistingAddresses => found.retain(Option::is_some),
            FindsInACache => {
                let mut past = self.past();
                past.cache.insert(format!("{lookups:?}"), found.clone());
            }
            _ => {}
        }
        Ok(found)
    }

    fn alter_found(&self, lookup: &Lookup, found: &mut Option<Address>, everything: &[Address]) {
        let equal = |one: &AddressContent, other: &AddressContent| match self.fault {
            FindsContentRegardlessOfNulls => {
                let same = |one: &Option<_>, other: &Option<_>| {
                    one.is_none() || other.is_none() || one == other
                };
                let same_data = one.custom_data.is_none()
                    || other.custom_data.is_none()
                    || one.custom_data == other.custom_data;
                same(&one.description, &other.description)
                    && one.details == other.details
                    && same_data
                    && (&one.region, &one.city, &one.country)
                        == (&other.region, &other.city, &other.country)
            }
            FindsNoContentWithNulls => {
                one == other && one.description.is_some() && one.custom_data.is_some()
            }
            FindsContentRegardlessOfCase => {
                format!("{one:?}").to_lowercase() == format!("{other:?}").to_lowercase()
            }
            _ => one == other,
        };
        match (self.fault, lookup) {
            (FindsAcrossCustomers, Lookup::Id(_, id)) => {
                let mut by_id = everything.iter().filter(|address| address.id == *id);
                *found = found.take().or(by_id.next().cloned());
            }
            (FindsContentAcrossCustomers, Lookup::Content(_, content)) => {
                let mut equal = everything.iter().filter(|there| there.content == *content);
                *found = found.take().or(equal.next().cloned());
            }
            (
                FindsContentRegardlessOfNulls
                | FindsNoContentWithNulls
                | FindsContentRegardlessOfCase,
                Lookup::Content(customer_id, content),
            ) => {
                let mut theirs = everything
                    .iter()
                    .filter(|there| there.customer_id == *customer_id);
                *found = theirs.find(|there| equal(content, &there.content)).cloned();
            }
            (FindsFormerContent, Lookup::Content(customer_id, content)) => {
                let past = self.past();
                let former = past
                    .states
                    .iter()
                    .find(|state| state.customer_id == *customer_id && state.content == *content);
                let is_it = |there: &&Address| {
                    former.is_some_and(|state| {
                        (&state.customer_id, &state.id) == (&there.customer_id, &there.id)
                    })
                };
                *found = everything.iter().find(is_it).cloned();
            }
            (UsesTheRevisionOfTheChange, _) => {
                let past = self.past();
                if let Some(found) = found
                    && let Some(stated) = past
                        .stated_revisions
                        .get(&(found.customer_id.clone(), found.id.clone()))
                {
                    found.revision = *stated;
                }
            }
            _ => {}
        }
    }

    pub(super) async fn faulty_scan(
        &self,
        mut scan: Scan,
    ) -> Result<Vec<Address>, RepositoryError> {
        let store = self.store();
        let limit = scan.limit as usize;
        match self.fault {
            ScansAtMost100 => scan.limit = scan.limit.min(100),
            ScansAllForOneCustomer => scan.customer_id = None,
            ScansOneCustomerFromTheStart if scan.customer_id.is_some() => scan.after = None,
            ScansRegardlessOfCase => {
                let mut all = self.all(scan.customer_id.as_ref()).await;
                all.sort_by_cached_key(|address| {
                    let customer_id = address.customer_id.as_str().to_lowercase();
                    (customer_id, address.id.clone())
                });
                if let Some((customer_id, id)) = &scan.after {
                    let is_it =
                        |there: &Address| (&there.customer_id, &there.id) == (customer_id, id);
                    let place = all.iter().position(is_it);
                    all = all.split_off(place.map_or(0, |place| place + 1));
                }
                all.truncate(limit);
                return Ok(all);
            }
            IncludesTheAddressToStartAfter => {
                let mut all = self.all(scan.customer_id.as_ref()).await;
                if let Some(after) = &scan.after {
                    all.retain(|there| (&there.customer_id, &there.id) >= (&after.0, &after.1));
                }
                all.truncate(limit);
                return Ok(all);
            }
            EndsStepsAtEachCustomer => {
                let mut found = store.scan(scan).await?;
                let first = found.first().map(|first| first.customer_id.clone());
                found.retain(|there| Some(&there.customer_id) == first.as_ref());
                return Ok(found);
            }
            ScansAtSeveralMoments => {
                let mut found: Vec<Address> = Vec::new();
                scan.limit = 1;
                while found.len() < limit {
                    let step = store.scan(scan.clone()).await?;
                    let Some(last) = step.last() else { break };
                    scan.after = Some((last.customer_id.clone(), last.id.clone()));
                    found.extend(step);
                    self.pause().await;
                }
                return Ok(found);
            }
            _ => {}
        }
        store.scan(scan).await
    }

    pub(super) async fn faulty_revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        mut range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        let store = self.store();
        match self.fault {
            IncludesTheRevisionToEndBefore => range.before = range.before.map(Revision::next),
            ReturnsAtMost100Revisions => range.limit = range.limit.min(100),
            _ => {}
        }
        let AddressRevisions {
            revisions: mut found,
            book_revision,
        } = store.revisions(customer_id, id, range).await?;
        match self.fault {
            WritesNoRevisionOfCreations => {
                found.retain(|revision| revision.change != ChangeKind::Created);
            }
            UsesTheUpdateTimeAsTheChangeTime => {
                for revision in &mut found {
                    revision.changed_at = revision.address.updated_at;
                }
            }
            RecordsRemovalsAsUpdates => {
                for revision in &mut found {
                    if revision.change == ChangeKind::Removed {
                        revision.change = ChangeKind::Updated;
                    }
                }
            }
            ReturnsTheOldestFirst => found.reverse(),
            ReturnsRevisionsByTime => {
                found.sort_by_key(|revision| std::cmp::Reverse(revision.changed_at));
            }
            ForgetsRevisionsOfRemovedAddresses => {
                let newest = found.first().map(|revision| revision.change);
                if newest == Some(ChangeKind::Removed) {
                    found.clear();
                }
            }
            ReturnsRevisionsOfTwoMoments => {
                self.pause().await;
                let newest = RevisionRange {
                    before: None,
                    limit: 1,
                };
                let newest = store.revisions(customer_id, id, newest).await?.revisions;
                if newest.first() != found.first() {
                    found.splice(0..0, newest);
                }
            }
            ReturnsRevisionsAcrossCustomers if found.is_empty() => {
                let customers: Vec<_> = self
                    .past()
                    .states
                    .iter()
                    .filter(|state| state.id == *id)
                    .map(|state| state.customer_id.clone())
                    .collect();
                for other in customers {
                    found = store.revisions(&other, id, range).await?.revisions;
                }
            }
            ReturnsRevisionsOfAnotherMomentThanTheBook => {
                self.pause().await;
                found = store.revisions(customer_id, id, range).await?.revisions;
            }
            LeavesRevisions if found.is_empty() => {
                let left = self.past().left_revisions.clone();
                found.extend(left.into_iter().filter(|revision| {
                    let address = &revision.address;
                    (&address.customer_id, &address.id) == (customer_id, id)
                }));
            }
            _ => {}
        }
        Ok(AddressRevisions {
            revisions: found,
            book_revision,
        })
    }
}

fn page_with(head: BookHead, addresses: &[Address]) -> Result<AddressPage, RepositoryError> {
    let mut page = AddressPage::new(head);
    for address in addresses {
        page.push(address.into())?;
    }
    Ok(page)
}
