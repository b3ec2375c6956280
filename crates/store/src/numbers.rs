//! Numbers of rows: each tenant has a number, and its rows are numbered within it, the same in every store.

/// Bits of a row's number that count within its tenant: a million million rows.
pub(crate) const SERIAL_BITS: u32 = 40;
/// The largest serial.
const SERIAL_MAX: i64 = (1 << SERIAL_BITS) - 1;
/// The largest tenant number; the row numbers of SQLite have 63 bits.
pub(crate) const NUMBER_MAX: i64 = (1 << (63 - SERIAL_BITS)) - 1;
/// The rows of one tenant within a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    /// The number of serial 0.
    pub(crate) first: i64,
    /// The last number.
    pub(crate) last: i64,
}

impl Range {
    /// The rows of the tenant of that number.
    pub(crate) fn of(tenant: i64) -> Self {
        Self {
            first: tenant << SERIAL_BITS,
            last: (tenant << SERIAL_BITS) | SERIAL_MAX,
        }
    }

    /// The row of a serial; past all rows where the serial is no serial.
    pub(crate) fn at(self, serial: u64) -> i64 {
        self.first | i64::try_from(serial).unwrap_or(SERIAL_MAX).min(SERIAL_MAX)
    }
}

/// The serial of a row within its tenant.
pub(crate) fn serial(row: i64) -> u64 {
    u64::try_from(row & SERIAL_MAX).unwrap_or(0)
}

/// The number of a row's tenant.
pub(crate) fn tenant_of(row: i64) -> i64 {
    row >> SERIAL_BITS
}
