mod sqlite {
    use crate::support::{Database, KeySubject, Subject};

    async fn subject() -> Subject {
        Database::sqlite().subject()
    }

    async fn key_subject() -> KeySubject {
        Database::sqlite().key_subject()
    }

    addressbook_testkit::address_repository_contract!(subject);
    addressbook_testkit::api_key_repository_contract!(key_subject);
}

mod postgres {
    use crate::support::{Database, KeySubject, Subject};

    async fn subject() -> Subject {
        Database::postgres().subject()
    }

    async fn key_subject() -> KeySubject {
        Database::postgres().key_subject()
    }

    addressbook_testkit::address_repository_contract!(subject);
    addressbook_testkit::api_key_repository_contract!(key_subject);
}
