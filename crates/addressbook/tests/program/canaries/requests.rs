//! Valid and invalid requests to the service.

use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};

use super::recorded_service::{RecordedService, with_canaries};
use super::{BODY, BOOK, ID};
use crate::jwt;

impl RecordedService {
    /// Sends valid and invalid requests of every kind.
    pub(crate) fn send_all_requests(&mut self) {
        let address = format!("{BOOK}/{ID}");
        let tag = self
            .send("GET", &address, &[], "")
            .header("ETag")
            .to_owned();
        let match_tag: &[(&str, &str)] = &[("If-Match", &tag)];
        self.send("GET", &address, &[("If-None-Match", &tag)], "");
        self.send("HEAD", &address, &[], "");
        self.send("GET", &format!("/api{address}/revisions"), &[], "");
        self.send("GET", &format!("{address}/revisions/1"), &[], "");
        self.send("GET", &format!("{address}/revisions?after=canary"), &[], "");
        self.send("GET", &format!("{address}/revisions/canary"), &[], "");
        self.send("PATCH", &address, match_tag, BODY);
        self.send("PATCH", &address, match_tag, r#"{"city":"canary city 2"}"#);
        self.send("PATCH", &address, match_tag, r#"{"city":"canary city 3"}"#);
        self.send("PATCH", &address, &[("If-Match", "\"canary\"")], BODY);
        self.send("PATCH", &address, &[("If-Match", "canary")], BODY);
        self.send("PATCH", &address, &[], BODY);
        self.send(
            "PATCH",
            &address,
            &[("If-Match", "*")],
            r#"{"city":null,"canary":1}"#,
        );
        self.send(
            "PATCH",
            &address,
            &[("Content-Type", "text/canary")],
            "canary",
        );

        let defaults = BOOK.replace("addresses", "default-addresses");
        self.send("GET", &defaults, &[("If-None-Match", "\"canary\"")], "");
        for purposes in [
            format!(r#"{{"canary":"{ID}"}}"#),
            r#"{"canary":"canary","CANARY":null}"#.to_owned(),
            r#"{"canary":"add_canary0000000000000000000"}"#.to_owned(),
            r#""canary""#.to_owned(),
        ] {
            let patch = format!(r#"{{"default_addresses":{purposes}}}"#);
            self.send("PATCH", &defaults, &[], &patch);
        }
        self.send("GET", &format!("{BOOK}?default_for=canary"), &[], "");
        self.send("GET", &format!("{address}?include=canary"), &[], "");

        let key: &[(&str, &str)] = &[("Idempotency-Key", "canary-key")];
        let created = self.send("POST", BOOK, key, BODY).json();
        self.made.push(created["id"].as_str().unwrap().to_owned());
        self.send("POST", BOOK, key, BODY);
        self.send("POST", BOOK, key, &BODY.replace("RW", "UG"));
        self.send("POST", BOOK, &[("Idempotency-Key", "canary key")], BODY);
        self.send("POST", BOOK, &[("Content-Type", "text/canary")], BODY);
        self.send("POST", BOOK, &[], BODY);
        self.send("POST", BOOK, &[], BODY);
        for body in [
            r#"{"city":"canary","city":"canary"}"#,
            r#"{"region":"canary\u0000","city":7,"country":"canary","custom_data":"canary"}"#,
            r#"{"canary":"#,
            r#"["canary"]"#,
            &format!(r#"{{"city":"{}"}}"#, "canary".repeat(100)),
            &"canary".repeat(20_000),
        ] {
            self.send("POST", BOOK, &[], body);
        }

        let page = self.send("GET", &format!("{BOOK}?limit=1&after="), &[], "");
        let (_, next) = page
            .header("Link")
            .rsplit_once("after=")
            .unwrap_or_default();
        let cursor = next.split(['&', '>']).next().unwrap_or_default();
        self.made.push(cursor.to_owned());
        for query in [
            "",
            &format!("after={cursor}"),
            "after=canary",
            "limit=canary&offset=canary&order=canary&country=canary&as_of=canary&updated_since=canary&include=canary",
            "q=canary+city&country=RW&order=-updated_at&canary=canary",
            "q=%FFcanary",
            "as_of=2026-01-01T00:00:00Z&q=canary",
        ] {
            self.send("GET", &format!("{BOOK}?{query}"), &[], "");
        }

        let label = format!("{address}/label");
        self.send("GET", &label, &[], "");
        self.send("GET", &label, &[("Accept", "text/canary")], "");
        self.send(
            "GET",
            &format!("{label}?script=canary&origin=canary"),
            &[],
            "",
        );
        self.send("GET", "/v1/countries/canary", &[], "");
        for body in [BODY, r#"{"canary":1,"city":"canary\u0000"}"#, "canary"] {
            self.send("POST", "/v1/addresses/validate", &[], body);
            let strictly = &[("Prefer", "handling=strict")];
            self.send("POST", BOOK, strictly, body);
            self.send(
                "PATCH",
                &address,
                strictly,
                r#"{"region":"canary region 2","country":"US"}"#,
            );
        }

        for path in [
            "/canary",
            "/v1/customers/canary!/addresses",
            "/v1/customers/add_canary/addresses/canary",
            "/v1/customers/cus_canary%2Fcus_canary/addresses",
            "/docs/canary",
        ] {
            self.send("GET", path, &[], "");
        }
        self.send_credentials();
        self.send_preflights();
        self.send("PUT", BOOK, &[], BODY);
        self.send("CANARY", &address, &[], "");
        for bytes in [
            &b"canary\r\n\r\n"[..],
            b"GET /canary HTTP/9.9\r\n\r\n",
            b"GET /canary\xff HTTP/1.1\r\n\r\n",
            b"GET /canary HTTP/1.1\r\nHost: canary\r\ncanary header\r\n\r\n",
            b"GET /canary HTTP/1.1\r\nHost: canary\r\nX: canary\x01\r\n\r\n",
            b"POST /canary HTTP/1.1\r\nHost: canary\r\nContent-Length: canary\r\n\r\n",
            b"POST /canary HTTP/1.1\r\nHost: canary\r\nContent-Length: 100\r\n\r\ncanary",
            b"POST /canary HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ncanary",
            &[
                b"GET /",
                &b"canary".repeat(50_000)[..],
                b" HTTP/1.1\r\n\r\n",
            ]
            .concat(),
        ] {
            self.send_raw(bytes);
        }
    }

    pub(crate) fn erase(&mut self) {
        let address = format!("{BOOK}/{ID}");
        self.send("DELETE", &address, &[], "");
        self.send("DELETE", &address, &[("If-Match", "*")], "");
        self.send("DELETE", &address, &[("If-Match", "*")], "");
        self.send("DELETE", BOOK, &[("If-Match", "\"canary\"")], "");
        self.send("DELETE", BOOK, &[], "");
    }

    /// Sends requests of all kinds to a service whose store fails.
    pub(crate) fn send_during_failure(&mut self) {
        self.send("GET", BOOK, &[], "");
        self.send("GET", &format!("{BOOK}?q=canary"), &[], "");
        self.send("GET", &format!("{BOOK}/{ID}"), &[], "");
        self.send("GET", &format!("{BOOK}/{ID}/revisions"), &[], "");
        let patch = r#"{"city":"canary patch"}"#;
        self.send(
            "PATCH",
            &format!("{BOOK}/{ID}"),
            &[("If-Match", "*")],
            patch,
        );
        self.send("POST", "/v1/customers/cus_canary_2/addresses", &[], BODY);
        self.send("DELETE", "/v1/customers/cus_canary_2/addresses", &[], "");
        self.send("GET", "/readyz", &[], "");
    }

    /// Sends requests with valid and with invalid credentials.
    fn send_credentials(&mut self) {
        let others = jwt::issuer();
        let token = |issuer, claims: &Value| jwt::token(issuer, &with_canaries(claims));
        let ours = &self.issuer;
        let valid = token(ours, &json!({}));
        let (head, tail) = valid.split_at(valid.len() / 2);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("canary".into());
        header.typ = Some("canary".into());
        let foreign_header = encode(&header, &with_canaries(&json!({})), ours).unwrap();
        let tokens = [
            token(ours, &json!({ "exp": 1 })),
            token(ours, &json!({ "exp": "canary" })),
            token(ours, &json!({ "nbf": 9_999_999_999_u64 })),
            token(ours, &json!({ "iss": "https://canary.example" })),
            token(ours, &json!({ "aud": "canary" })),
            token(ours, &json!({ "sub": "canary customer!" })),
            token(ours, &json!({ "scope": ["canary"] })),
            token(&others, &json!({})),
            foreign_header,
            format!("{head}canary{tail}"),
            format!("{valid}canary"),
            head.to_owned(),
            "ey.canary.canary".into(),
            "ab_canary".into(),
            "canary".into(),
        ];
        for token in &tokens {
            let authorization = format!("Bearer {token}");
            let response = self.send("GET", BOOK, &[("Authorization", &authorization)], "");
            assert_eq!(response.status, 401, "{token}");
        }
        // The log must not contain a valid credential either.
        self.made.push(valid.clone());
        let valid = format!("Bearer {valid}");
        let valid = [("Authorization", valid.as_str())];
        assert_eq!(self.send("GET", BOOK, &valid, "").status, 200);
        assert_eq!(self.send("POST", BOOK, &valid, BODY).status, 403);
        let of_another = "/v1/customers/cus_canary_2/addresses";
        assert_eq!(self.send("GET", of_another, &valid, "").status, 403);
        for credential in ["Basic Y2FuYXJ5OmNhbmFyeQ==", "canary"] {
            self.send("GET", BOOK, &[("Authorization", credential)], "");
        }
    }

    /// Sends a browser's CORS preflight requests, for allowed and for other pages.
    fn send_preflights(&mut self) {
        for (origin, method, headers, status) in [
            ("https://shop.example", "GET", "authorization", 200),
            ("https://shop.example", "GET", "x-canary", 400),
            ("https://shop.example", "CANARY", "authorization", 400),
            ("https://canary.example", "GET", "authorization", 400),
            ("canary", "GET", "authorization", 400),
        ] {
            let headers = [
                ("Origin", origin),
                ("Access-Control-Request-Method", method),
                ("Access-Control-Request-Headers", headers),
            ];
            let response = self.send("OPTIONS", BOOK, &headers, "");
            assert_eq!(response.status, status, "{origin} {method}");
        }
    }
}
