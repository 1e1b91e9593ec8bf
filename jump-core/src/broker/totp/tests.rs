use super::code::{STEP, code};
use super::guesses::{TRIES, WAIT};
use super::*;

const NOW: i64 = 1_111_111_111;
/// The code of [`secret`] at [`NOW`].
const CODE: &str = "050471";

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn login(id: u32) -> Option<LoginId> {
    Some(LoginId::new(id).unwrap())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn secret() -> Secret<Vec<u8>> {
    Secret::new(b"12345678901234567890".to_vec())
}

async fn enrolled(users: &[u32]) -> Totp {
    let totp = Totp::default();
    for id in users {
        totp.enrol(user(*id), secret(), at(0)).await.unwrap();
    }
    totp
}

async fn verify(totp: &Totp, id: u32, source: Option<LoginId>, code: &str, second: i64) -> bool {
    let question = FactorQuestion {
        user: user(id),
        source,
        code,
        now: at(second),
    };
    totp.verify(question).await.unwrap()
}

fn code_at(second: i64) -> String {
    code(secret().expose(), second / STEP)
}

#[test]
fn codes_are_those_of_rfc_6238_appendix_b() {
    for (second, eight) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        // After 2038, and after 2106.
        (20_000_000_000, "65353130"),
    ] {
        assert_eq!(code_at(second), eight[2..], "{second}");
    }
}

#[tokio::test]
async fn a_code_works_once_and_one_step_around_its_time() {
    let totp = enrolled(&[1]).await;
    assert!(!verify(&totp, 1, None, CODE, NOW - 2 * STEP).await);
    assert!(verify(&totp, 1, None, CODE, NOW + STEP).await);
    assert!(!verify(&totp, 1, None, CODE, NOW + STEP).await);
    // An older code does not work after a newer one was used.
    assert!(!verify(&totp, 1, None, "081804", NOW).await);
    assert!(!verify(&totp, 2, None, CODE, NOW).await);
}

#[tokio::test]
async fn f19_a_clock_that_was_ahead_locks_nobody_out_and_lets_no_code_work_twice() {
    let totp = enrolled(&[1]).await;
    assert!(verify(&totp, 1, None, &code_at(NOW), NOW).await);
    let ahead = NOW + 3600;
    assert!(verify(&totp, 1, None, &code_at(ahead), ahead).await);
    assert!(!verify(&totp, 1, None, &code_at(NOW), NOW).await, "used before");
    let next = NOW + 2 * STEP;
    assert!(verify(&totp, 1, None, &code_at(next), next).await);
    assert!(!verify(&totp, 1, None, &code_at(next), next).await);
    assert!(!verify(&totp, 1, None, &code_at(ahead), ahead).await);
}

#[tokio::test]
async fn s34_who_guesses_waits_and_nobody_else() {
    let totp = enrolled(&[1, 2]).await;
    let device = login(7);
    let before = NOW - 2 * STEP;
    assert!(verify(&totp, 1, device, &code_at(before), before).await);
    // Somebody with many logins of the user's has the tries of one.
    for source in 100..100 + TRIES {
        assert!(!verify(&totp, 1, login(source), "000000", NOW).await);
    }
    assert!(!verify(&totp, 1, login(200), CODE, NOW).await);
    // The user's own device goes on, and other users do.
    assert!(verify(&totp, 1, device, CODE, NOW).await);
    assert!(verify(&totp, 2, login(200), CODE, NOW).await);
    // A right code elsewhere gives the guesser no new tries.
    assert!(!verify(&totp, 1, login(200), &code_at(NOW + STEP), NOW + STEP).await);
    let later = NOW + WAIT;
    assert!(verify(&totp, 1, login(200), &code_at(later), later).await);
    // A device of one's own waits for its own mistakes.
    for _ in 0..TRIES {
        assert!(!verify(&totp, 1, device, "000000", later).await);
    }
    let next = later + 2 * STEP;
    assert!(!verify(&totp, 1, device, &code_at(next), next).await);
    assert!(verify(&totp, 1, login(200), &code_at(next), next).await);
}

#[tokio::test]
async fn a_secret_counts_after_one_right_code_and_is_exchanged_only_with_a_code() {
    let totp = Totp::default();
    let denied = |result: Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Denied);
    let missing = |result: Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
    missing(totp.confirm(user(1), login(1), CODE, at(NOW)).await);
    let first = totp.begin(user(1), login(1), None, at(NOW)).await.unwrap();
    let first_code = |second: i64| code(first.expose(), second / STEP);
    // Not before it is confirmed.
    assert!(!verify(&totp, 1, login(1), &first_code(NOW), NOW).await);
    assert_eq!(totp.enrolled_since(user(1)).await.unwrap(), None);
    denied(totp.confirm(user(1), login(1), "000000", at(NOW)).await);
    totp.confirm(user(1), login(1), &first_code(NOW), at(NOW))
        .await
        .unwrap();
    assert_eq!(totp.enrolled_since(user(1)).await.unwrap(), Some(at(NOW)));
    // The code that confirmed is used up.
    assert!(!verify(&totp, 1, login(1), &first_code(NOW), NOW).await);
    let next = NOW + 2 * STEP;
    for wrong in [None, Some("000000"), Some(&*first_code(NOW))] {
        let begun = totp.begin(user(1), login(1), wrong, at(next)).await;
        denied(begun.map(drop));
    }
    let second = totp
        .begin(user(1), login(1), Some(&first_code(next)), at(next))
        .await
        .unwrap();
    // Until the new one is confirmed the old one counts.
    let then = next + 2 * STEP;
    assert!(verify(&totp, 1, login(1), &first_code(then), then).await);
    let last = then + 2 * STEP;
    let second_code = code(second.expose(), last / STEP);
    totp.confirm(user(1), login(1), &second_code, at(last))
        .await
        .unwrap();
    let end = last + 2 * STEP;
    assert!(!verify(&totp, 1, login(1), &first_code(end), end).await);
    assert!(verify(&totp, 1, login(1), &code(second.expose(), end / STEP), end).await);
    totp.remove(user(1)).await.unwrap();
    assert_eq!(totp.enrolled_since(user(1)).await.unwrap(), None);
}

#[tokio::test]
async fn an_enrolment_that_is_guessed_at_or_left_alone_is_begun_anew() {
    let totp = Totp::default();
    let kind = |result: Result<()>| result.unwrap_err().kind();
    let secret = totp.begin(user(1), None, None, at(NOW)).await.unwrap();
    for _ in 0..TRIES_TO_CONFIRM {
        let wrong = totp.confirm(user(1), None, "000000", at(NOW)).await;
        assert_eq!(kind(wrong), ErrorKind::Denied);
    }
    let right = code(secret.expose(), NOW / STEP);
    let late = totp.confirm(user(1), None, &right, at(NOW)).await;
    assert_eq!(kind(late), ErrorKind::NotFound);
    for shift in [CONFIRM_WITHIN, -CONFIRM_WITHIN] {
        let secret = totp.begin(user(1), None, None, at(NOW)).await.unwrap();
        let then = NOW + shift;
        let code = code(secret.expose(), then / STEP);
        let late = totp.confirm(user(1), None, &code, at(then)).await;
        assert_eq!(kind(late), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_is_kept_survives_a_restart_encrypted_with_what_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let site = SigningKey::generate().unwrap();
    let open = |site: &SigningKey| {
        Totp::kept(
            Arc::new(FactorFolder::new(folder.path().join("factors"))),
            site.clone(),
        )
    };
    let totp = open(&site);
    totp.enrol(user(1), secret(), at(0)).await.unwrap();
    assert!(verify(&totp, 1, login(1), CODE, NOW).await);
    drop(totp);

    let path = folder.path().join("factors/1.factor");
    let kept = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&kept).into_owned();
    let base64 = data_encoding::BASE64.encode(secret().expose());
    let base32 = data_encoding::BASE32_NOPAD.encode(secret().expose());
    for plain in ["12345678901234567890", base64.trim_end_matches('='), &base32] {
        assert!(!text.contains(plain), "{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
    let totp = open(&site);
    assert!(
        !verify(&totp, 1, login(1), CODE, NOW).await,
        "used before the restart"
    );
    let next = NOW + 2 * STEP;
    assert!(verify(&totp, 1, login(1), &code_at(next), next).await);

    // Under another site's key, for another user, or changed, it does not open: no code works.
    let kind = |totp: Totp, id: u32| async move { totp.enrolled_since(user(id)).await.unwrap_err().kind() };
    assert_eq!(
        kind(open(&SigningKey::generate().unwrap()), 1).await,
        ErrorKind::Integrity
    );
    std::fs::copy(&path, folder.path().join("factors/2.factor")).unwrap();
    assert_eq!(kind(open(&site), 2).await, ErrorKind::Integrity);
    std::fs::write(&path, "{}").unwrap();
    assert_eq!(kind(open(&site), 1).await, ErrorKind::Integrity);
    // It can be removed all the same.
    let totp = open(&site);
    totp.remove(user(1)).await.unwrap();
    assert_eq!(totp.enrolled_since(user(1)).await.unwrap(), None);
    assert!(!path.exists());
}

#[test]
fn the_address_is_readable_by_applications_and_the_secret_is_not_printed() {
    let address = Totp::address("Corp & Co", "alice", &secret());
    assert_eq!(
        address.expose(),
        "otpauth://totp/Corp%20%26%20Co:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Corp%20%26%20Co"
    );
    assert_eq!(format!("{:?}", Totp::default()), "Totp");
}
