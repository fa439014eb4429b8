mod faulty;
mod table;

use addressbook_testkit::contract::ADDRESS_PROMISES;

use self::faulty::faulty;
use self::table::{Fault, TABLE};

#[test]
fn each_fault_is_detected_by_its_promise() {
    super::check(TABLE, ADDRESS_PROMISES, faulty);
}

#[test]
fn without_a_fault_every_promise_holds() {
    for promise in ADDRESS_PROMISES {
        promise.run(|| faulty(Fault::Correct));
    }
}
