mod sqlite {
    use crate::support::{Database, Subject};

    fn subject() -> Subject {
        Database::sqlite().subject()
    }

    addressbook_testkit::address_repository_contract!(subject);
}

mod postgres {
    use crate::support::{Database, Subject};

    fn subject() -> Subject {
        Database::postgres().subject()
    }

    addressbook_testkit::address_repository_contract!(subject);
}
