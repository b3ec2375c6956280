//! The Merkle tree: the published vectors of RFC 6962's reference implementation, and RFC 6962's own recursive definition.

use audit::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use audit::{Frontier, Hash, leaf_hash, node_hash, root};
use proptest::prelude::*;

/// The leaves of the Certificate Transparency reference test, in hexadecimal.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The root over the first n of them, from n = 0.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_the_reference_test() {
    let leaves = reference_leaves();
    let mut frontier = Frontier::default();

    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(frontier.root().to_string(), *expected, "size {size}");
        assert_eq!(root(&leaves[..size]).to_string(), *expected, "size {size}");
        leaves
            .get(size)
            .into_iter()
            .for_each(|leaf| frontier.append(*leaf));
    }
}

#[test]
fn proofs_are_those_of_the_reference_test() {
    let leaves = reference_leaves();
    let check = |proof: Option<Vec<Hash>>, expected: &[&str]| {
        let proof: Vec<String> = proof.unwrap().iter().map(Hash::to_string).collect();
        assert_eq!(proof, expected);
    };

    check(inclusion(&leaves[..1], 0), &[]);
    check(
        inclusion(&leaves, 0),
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check(consistency(&leaves[..1], 1), &[]);
    check(
        consistency(&leaves, 1),
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check(
        consistency(&leaves, 6),
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check(
        consistency(&leaves[..5], 2),
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}

#[test]
fn every_proof_of_a_small_tree_holds_and_no_other_does() {
    let leaves: Vec<Hash> = (0..24).map(leaf).collect();
    for size in 1..=leaves.len() {
        let tree = &leaves[..size];
        let (size, head) = (size as u64, root(tree));
        assert_eq!(inclusion(tree, size), None);
        assert_eq!(consistency(tree, size + 1), None);
        for index in 0..size {
            let proof = inclusion(tree, index).unwrap();
            let leaf = leaves[index as usize];
            assert!(verify_inclusion(&leaf, index, (size, &head), &proof));
            wrong(&proof, |proof| {
                verify_inclusion(&leaf, index, (size, &head), proof)
            });
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!verify_inclusion(&leaf, other, (size, &head), &proof));
            }
        }
        for old_size in 0..=size {
            let proof = consistency(tree, old_size).unwrap();
            let old_root = root(&tree[..old_size as usize]);
            let verify = |old: &Hash, new: &Hash, proof: &[Hash]| {
                verify_consistency((old_size, old), (size, new), proof)
            };
            assert!(verify(&old_root, &head, &proof), "{old_size} to {size}");
            assert!(!verify(&leaf(99), &head, &proof), "{old_size} to {size}");
            // Everything extends the empty tree, whatever its root.
            assert_eq!(verify(&old_root, &leaf(99), &proof), old_size == 0);
            assert!(!verify_consistency(
                (size + 1, &head),
                (size, &head),
                &proof
            ));
            wrong(&proof, |proof| verify(&old_root, &head, proof));
        }
    }
}

#[test]
fn a_frontier_of_a_wrong_length_is_refused() {
    let mut frontier = Frontier::default();
    (0..11).for_each(|number| frontier.append(leaf(number)));
    let bytes = frontier.to_bytes();

    assert_eq!(bytes.len(), 8 + 3 * 32);
    for length in 0..bytes.len() {
        assert!(Frontier::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    assert!(Frontier::from_bytes(&[&bytes[..], &[0; 32]].concat()).is_err());
}

proptest! {
    #[test]
    fn a_frontier_has_the_root_of_the_definition(size in 0_u64..200) {
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));

        prop_assert_eq!(frontier.size(), size);
        prop_assert_eq!(frontier.root(), defined_root(&leaves));
    }

    #[test]
    fn a_stored_frontier_goes_on_where_it_stopped(stored in 0_u64..200, more in 0_u64..100) {
        let mut frontier = Frontier::default();
        (0..stored).for_each(|number| frontier.append(leaf(number)));

        let mut restored = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
        (stored..stored + more).for_each(|number| restored.append(leaf(number)));

        let leaves: Vec<Hash> = (0..stored + more).map(leaf).collect();
        prop_assert_eq!(restored.root(), defined_root(&leaves));
    }

    #[test]
    fn proofs_hold_in_larger_trees(size in 1_u64..300, index: u64, old_size: u64) {
        let (index, old_size) = (index % size, old_size % (size + 1));
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        let head = root(&leaves);

        let included = inclusion(&leaves, index).unwrap();
        prop_assert!(verify_inclusion(&leaf(index), index, (size, &head), &included));
        let old_root = root(&leaves[..old_size as usize]);
        let extended = consistency(&leaves, old_size).unwrap();
        prop_assert!(verify_consistency((old_size, &old_root), (size, &head), &extended));
    }
}

/// Every way to spoil a proof: each hash changed, one left out, one more.
fn wrong(proof: &[Hash], verify: impl Fn(&[Hash]) -> bool) {
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place] = leaf(99);
        assert!(!verify(&changed));
        changed.remove(place);
        assert!(!verify(&changed));
    }
    assert!(!verify(&[proof, &[leaf(99)]].concat()));
}

/// RFC 6962 §2.1, word for word.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => ROOTS[0].parse().unwrap(),
        [leaf] => *leaf,
        _ => {
            let mut half = 1;
            while half * 2 < leaves.len() {
                half *= 2;
            }
            node_hash(
                &defined_root(&leaves[..half]),
                &defined_root(&leaves[half..]),
            )
        }
    }
}

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

fn reference_leaves() -> Vec<Hash> {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    LEAVES.iter().map(|hex| leaf_hash(&bytes(hex))).collect()
}
