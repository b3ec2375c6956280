//! The shop: a SQLite database that the record tools may write to. Triggers of its own write down every change that was
//! committed, so that a row made twice shows even when one of the two is deleted later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};

use super::effect::EffectId;

/// The table that plans write to.
pub(crate) const TABLE: &str = "records";

const SQL: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE records (
        id INTEGER PRIMARY KEY AUTOINCREMENT, goal INTEGER NOT NULL, step INTEGER NOT NULL, item INTEGER NOT NULL);
    CREATE TABLE history (
        goal INTEGER NOT NULL, step INTEGER NOT NULL, item INTEGER NOT NULL, undo INTEGER NOT NULL);
    CREATE INDEX effects ON history (goal, step, item, undo);
    CREATE TRIGGER made AFTER INSERT ON records BEGIN
        INSERT INTO history VALUES (new.goal, new.step, new.item, 0);
    END;
    CREATE TRIGGER deleted AFTER DELETE ON records BEGIN
        INSERT INTO history VALUES (old.goal, old.step, old.item, 1);
    END;";

/// The lines of the settings that connect it.
pub(crate) const SETTINGS: &str = r#"
[databases.shop]
url = "sqlite:shop.db"

[databases.shop.tables.records]
key = "id"
columns = ["id", "goal", "step", "item"]
writable = ["goal", "step", "item"]
insert = true
delete = true
"#;

/// The shop's database.
#[derive(Debug, Clone)]
pub(crate) struct Shop(PathBuf);

impl Shop {
    /// Lays it out in a folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn lay_out(folder: &Path) -> Result<Self> {
        let path = folder.join("shop.db");
        let database = Connection::open(&path).context("the shop's database")?;
        database.execute_batch(SQL).context("the shop's database")?;
        Ok(Self(path))
    }

    /// How often each effect was applied, by the triggers' own account.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn applied(&self) -> Result<BTreeMap<EffectId, u32>> {
        let database = self.open()?;
        let query =
            "SELECT goal, step, item, undo, count(*) FROM history GROUP BY goal, step, item, undo";
        let mut statement = database.prepare(query)?;
        let rows = statement.query_map([], |row| {
            let (goal, step, item, undo) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((
                EffectId {
                    goal,
                    step,
                    item,
                    undo,
                },
                row.get(4)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether an effect was applied.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_applied(&self, effect: EffectId) -> Result<bool> {
        let EffectId {
            goal,
            step,
            item,
            undo,
        } = effect;
        let query = "SELECT EXISTS (SELECT 1 FROM history WHERE goal = ?1 AND step = ?2 AND item = ?3 AND undo = ?4)";
        Ok(self
            .open()?
            .query_row(query, (goal, step, item, undo), |row| row.get(0))?)
    }

    fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(&self.0, flags).context("the shop's database")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_made_and_deleted_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::lay_out(folder.path()).unwrap();
        let database = Connection::open(&shop.0).unwrap();
        database
            .execute_batch(
                "INSERT INTO records (goal, step, item) VALUES (1, 2, 0), (1, 2, 0), (3, 4, 5)",
            )
            .unwrap();
        database
            .execute_batch("DELETE FROM records WHERE id = 1")
            .unwrap();
        let effect = EffectId {
            goal: 1,
            step: 2,
            item: 0,
            undo: false,
        };
        let other = EffectId {
            goal: 3,
            step: 4,
            item: 5,
            undo: false,
        };
        assert!(shop.has_applied(effect.back()).unwrap());
        assert!(!shop.has_applied(other.back()).unwrap());
        assert_eq!(
            shop.applied().unwrap(),
            BTreeMap::from([(effect, 2), (effect.back(), 1), (other, 1)])
        );
    }
}
