//! The numbers that both faces promise, and the cutting of a file into parts.
//! Owns constants only: what an operator may set stands in the server's configuration.

/// Longest name, in bytes of UTF-8.
pub const NAME_BYTES: usize = 255;
/// Longest full path, in bytes of UTF-8, the leading slash counted.
pub const PATH_BYTES: usize = 4096;
/// Deepest level below the root; a file counts as a level.
pub const DEPTH: usize = 128;
/// Usual size of an upload's part, in bytes.
pub const CHUNK: u64 = 5 * MIB;
/// Most parts of one upload.
pub const MAX_PARTS: u64 = 10_000;
/// Largest size of a file, in bytes: what a client that reads numbers as doubles can still tell exactly.
pub const MAX_FILE_BYTES: u64 = (1 << 53) - 1;
/// Largest id: ids stay exact in clients that read numbers as doubles.
pub const MAX_ID: i64 = (1 << 53) - 1;
/// Most entries of one page; a larger `limit` is taken as this.
pub const LIST_MAX: u32 = 200;
/// Entries of a page when the caller does not say.
pub const LIST_DEFAULT: u32 = 50;
/// A search counts its hits up to this.
pub const SEARCH_TOTAL_MAX: u32 = 1_000;
/// Largest body of `PUT /v1/files/content`, in bytes.
pub const CONTENT_BYTES: u64 = 32 * MIB;
/// A copy or transfer of more nodes than this becomes a job.
pub const BATCH_NODES: usize = 10_000;
/// Purging frees up to this many nodes at once, the rest in the background.
pub const PURGE_NODES: usize = 1_000;
/// Most files and folders that one archive is made of; what lies in the folders is not counted.
pub const ARCHIVE_IDS: usize = 1_000;

const MIB: u64 = 1024 * 1024;

/// The size of a part of a file of `total` bytes, and the number of parts: `(chunk_size, parts)`.
/// A part has [`CHUNK`] bytes, or as many whole MiB as keep the file within [`MAX_PARTS`]. An empty file has no parts.
pub fn chunk_size(total: u64) -> (u64, u64) {
    let least = total.div_ceil(MAX_PARTS);
    let chunk = if least <= CHUNK {
        CHUNK
    } else {
        least.next_multiple_of(MIB)
    };
    (chunk, total.div_ceil(chunk))
}

#[cfg(test)]
mod tests {
    //! The cutting of files.
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_files_are_cut_at_five_mebibytes() {
        assert_eq!(chunk_size(0), (5_242_880, 0));
        assert_eq!(chunk_size(1), (5_242_880, 1));
        assert_eq!(chunk_size(5_242_880), (5_242_880, 1));
        assert_eq!(chunk_size(5_242_881), (5_242_880, 2));
        assert_eq!(chunk_size(5_242_880 * 10_000), (5_242_880, 10_000));
        assert_eq!(chunk_size(5_242_880 * 10_000 + 1), (6 * MIB, 8_334));
    }

    proptest! {
        #[test]
        fn parts_cover_the_file_and_are_no_more_than_allowed(total in prop_oneof![any::<u64>(), 0..1_u64 << 40, 0..1_u64 << 24]) {
            let (chunk, parts) = chunk_size(total);
            prop_assert!(parts <= MAX_PARTS);
            prop_assert!(u128::from(chunk) * u128::from(parts) >= u128::from(total));
            prop_assert!(parts == 0 || u128::from(chunk) * u128::from(parts - 1) < u128::from(total));
            prop_assert_eq!(parts == 0, total == 0);
            // No larger than needed: a MiB less would be too many parts.
            prop_assert!(chunk == CHUNK || (chunk % MIB == 0 && total.div_ceil(chunk - MIB) > MAX_PARTS));
        }
    }
}
