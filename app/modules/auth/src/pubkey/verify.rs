//! Verification, one function per curve.

use p256::ecdsa::signature::Verifier;
use secp256k1::{Message as Digest, PublicKey, Secp256k1, VerifyOnly, ecdsa::Signature};
use sha2::Digest as _;

/// A 64-byte `r || s` signature over SHA-256 of `message`. High-S is refused.
pub(super) fn secp256k1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> bool {
    thread_local! {
        static CONTEXT: Secp256k1<VerifyOnly> = Secp256k1::verification_only();
    }
    let Ok(signature) = Signature::from_compact(signature) else {
        return false;
    };
    let Ok(key) = PublicKey::from_slice(key) else {
        return false;
    };
    let digest = Digest::from_digest(sha2::Sha256::digest(message).into());
    // libsecp256k1 itself refuses high-S, so a signature cannot be altered by a third party
    CONTEXT.with(|context| context.verify_ecdsa(&digest, &signature, &key).is_ok())
}

/// The same on P-256.
pub(super) fn secp256r1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(key) else {
        return false;
    };
    let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else {
        return false;
    };
    signature.normalize_s().is_none() && key.verify(message, &signature).is_ok()
}

/// A point in compressed form; the crate would take a third form as well, which the SDK does not know.
pub(super) fn is_p256_point(key: &[u8; 33]) -> bool {
    matches!(key, [2 | 3, ..]) && p256::ecdsa::VerifyingKey::from_sec1_bytes(key).is_ok()
}

/// A 64-byte Ed25519 signature by the rules of ZIP-215, on which all implementations agree.
pub(super) fn ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = ed25519_zebra::VerificationKey::try_from(key.as_slice()) else {
        return false;
    };
    let Ok(signature) = ed25519_zebra::Signature::try_from(signature) else {
        return false;
    };
    key.verify(&signature, message).is_ok()
}

#[cfg(test)]
mod tests {
    use ::secp256k1::SecretKey;
    use p256::ecdsa::signature::Signer;

    use super::*;

    fn signed(message: &[u8]) -> ([u8; 33], [u8; 64]) {
        let context = Secp256k1::new();
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        let digest = Digest::from_digest(sha2::Sha256::digest(message).into());
        let signature = context.sign_ecdsa(&digest, &secret).serialize_compact();
        (secret.public_key(&context).serialize(), signature)
    }

    #[test]
    fn a_signature_verifies_only_over_its_own_message() {
        let (key, signature) = signed(b"doc");
        assert!(secp256k1(&key, b"doc", &signature));
        assert!(!secp256k1(&key, b"other", &signature));
        assert!(!secp256k1(&key, b"doc", &signature[..63]));
        assert!(!secp256k1(&key, b"doc", &[0; 64]));
        assert!(!secp256k1(&key, b"doc", &[0xff; 64]));
    }

    #[test]
    fn the_high_s_twin_of_a_signature_is_refused() {
        // n of secp256k1; s' = n - s signs the same message in plain ECDSA.
        const N: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
            0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
        ];
        let (key, mut signature) = signed(b"doc");
        let mut borrow = 0i16;
        for i in (0..32).rev() {
            let mut d = i16::from(N[i]) - i16::from(signature[32 + i]) - borrow;
            borrow = i16::from(d < 0);
            if d < 0 {
                d += 256;
            }
            signature[32 + i] = u8::try_from(d).unwrap();
        }
        assert!(!secp256k1(&key, b"doc", &signature));
    }

    #[test]
    fn p256_takes_low_s_alone() {
        let secret = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let key: [u8; 33] = secret
            .verifying_key()
            .to_encoded_point(true)
            .as_bytes()
            .try_into()
            .unwrap();
        let signature: p256::ecdsa::Signature = secret.sign(b"doc");
        let low = signature.normalize_s().unwrap_or(signature);
        let high = p256::ecdsa::Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
        assert!(secp256r1(&key, b"doc", &low.to_bytes()));
        assert!(!secp256r1(&key, b"doc", &high.to_bytes()));
        assert!(!secp256r1(&key, b"other", &low.to_bytes()));
    }

    #[test]
    fn ed25519_verifies() {
        let secret = ed25519_zebra::SigningKey::from([7; 32]);
        let key: [u8; 32] = ed25519_zebra::VerificationKey::from(&secret).into();
        let signature: [u8; 64] = secret.sign(b"doc").into();
        assert!(ed25519(&key, b"doc", &signature));
        assert!(!ed25519(&key, b"other", &signature));
    }
}
