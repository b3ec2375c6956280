//! Checking a database: everything, when a person asks for it.

use domain::id::TenantId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::approvals::Standing;
use super::connection::{As, Connection, pool};
use super::evidence::checkpoint::unheld;
use super::evidence::verify::verify;
use super::goals::{self, Record};
use super::{PostgresConfig, approvals, controls, inbox, installation, journal, read_one, schema};
use crate::approvals::follow::told;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::verify::VerifyOptions;
use crate::shared::Shared;

/// Goals that are looked at together.
const GOALS_AT_ONCE: i64 = 1_000;

const GOALS: &str = "SELECT id, tenant, goal FROM omnihub.goals WHERE id > $1 ORDER BY id LIMIT $2";
/// Events whose goal is gone.
const OWNERLESS: &str = "SELECT goal, min(first_sequence) FROM omnihub.journal
    WHERE tenant = $1 AND NOT EXISTS (SELECT 1 FROM omnihub.goals WHERE goals.id = journal.goal) GROUP BY goal";
const COUNT: &str = "SELECT count(*) FROM omnihub.approvals WHERE tenant = $1";
/// Where a tenant's row, or the number of one of its rows, is not what the rest says.
const MISNUMBERED: &str = "WITH own AS (SELECT *, number << 40 AS first FROM omnihub.tenants WHERE tenant = $1)
    SELECT 'tenants', number, 'it does not end where its goals do' FROM own
        WHERE last_goal <> coalesce((SELECT max(id) FROM omnihub.goals WHERE tenant = $1), first)
    UNION ALL SELECT 'tenants', number, 'it ends before its approvals do' FROM own
        WHERE last_approval < coalesce((SELECT max(id) FROM omnihub.approvals WHERE tenant = $1), first)
    UNION ALL SELECT 'tenants', number, 'it does not count its open goals' FROM own
        WHERE open_goals <> (SELECT count(*) FROM omnihub.goals WHERE tenant = $1 AND finished_at IS NULL)
    UNION ALL SELECT 'checkpoints', first + signed, 'it is missing' FROM own
        WHERE signed > 0 AND NOT EXISTS (SELECT 1 FROM omnihub.checkpoints WHERE tenant = $1 AND id = first + signed)
    UNION ALL SELECT name, id, 'it has a number of another tenant' FROM own, (
        SELECT 'goals' AS name, id FROM omnihub.goals WHERE tenant = $1
        UNION ALL SELECT 'approvals', id FROM omnihub.approvals WHERE tenant = $1
        UNION ALL SELECT 'audit', id FROM omnihub.audit WHERE tenant = $1
        UNION ALL SELECT 'checkpoints', id FROM omnihub.checkpoints WHERE tenant = $1) AS rows
        WHERE id >> 40 <> number";

/// Reads everything in a database and names each damage; servers may be running. Takes long on a large one.
///
/// # Errors
/// [`Error`] where there is no store that can be read at all.
pub async fn check_postgres(config: &PostgresConfig) -> Result<Vec<Damage>, Error> {
    let pool = pool(config)?;
    schema::check(&pool).await?;
    let mut damages = Vec::new();
    let installation = installation::held(&pool, &config.dir).await?;
    let gate = controls::read_gate(&pool).await?;
    let shared = Shared::new(&config.dir, installation, gate);
    let (mut after, mut asked) = (-1_i64, std::collections::BTreeMap::new());
    loop {
        let values: [&(dyn ToSql + Sync); 2] = [&after, &GOALS_AT_ONCE];
        let rows = read_one(&pool, As::Driver, GOALS, values).await?;
        for row in &rows {
            after = row.try_get(0)?;
            let tenant = goals::tenant(row.try_get(1)?)?;
            let mut conn = Connection::take(&pool).await?;
            match goal(&mut conn, &shared, &tenant, row).await {
                Ok(approvals) => *asked.entry(tenant).or_insert(0_i64) += approvals,
                Err(Error::Damaged(damage)) => damages.push(damage),
                Err(error) => return Err(error),
            }
            conn.commit().await?;
        }
        if i64::try_from(rows.len()) != Ok(GOALS_AT_ONCE) {
            break;
        }
    }
    let is_whole = damages.is_empty();
    damages.extend(unheld(&pool, &config.dir).await?);
    let verified = match verify(&pool, config, &VerifyOptions::default()).await {
        Ok(verified) => verified,
        Err(Error::Damaged(damage)) => {
            damages.push(damage);
            return Ok(damages);
        }
        Err(error) => return Err(error),
    };
    for verified in verified {
        let chain = verified.chain;
        if let Err(unproven) = verified.result {
            damages.push(Damage::row(
                "audit",
                format!("of {chain}"),
                unproven.to_string(),
            ));
        }
        for row in read_one(&pool, As::Chain(&chain), OWNERLESS, [&chain.as_str()]).await? {
            let (goal, first): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let reason = format!("its goal {goal} is missing");
            damages.push(journal_damage(goal, first, reason));
        }
        for row in read_one(&pool, As::Chain(&chain), MISNUMBERED, [&chain.as_str()]).await? {
            let (table, id, reason): (&str, i64, &str) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            damages.push(Damage::row(table, id, reason));
        }
        if let Chain::Tenant(tenant) = &chain
            && is_whole
        {
            let told = asked.get(tenant).copied().unwrap_or(0);
            let rows = read_one(&pool, As::Chain(&chain), COUNT, [&chain.as_str()]).await?;
            let found = rows.first().map(|row| row.try_get(0)).transpose()?;
            if found != Some(told) {
                let found = found.unwrap_or(0);
                let reason = format!("there are {found}, and the journal tells of {told}");
                damages.push(Damage::row("approvals", format!("of {chain}"), reason));
            }
        }
    }
    Ok(damages)
}

fn journal_damage(goal: i64, first: i64, reason: String) -> Damage {
    crate::journal::damage(format!("{goal}/{first}"), reason)
}

/// Makes sure that a goal and its approvals follow from its journal; returns how many approvals that tells of.
async fn goal(
    conn: &mut Connection,
    shared: &Shared,
    tenant: &TenantId,
    row: &Row,
) -> Result<i64, Error> {
    let chain = Chain::Tenant(tenant.clone());
    let name: String = row.try_get(2)?;
    let setup = conn.transaction().await?;
    let [read, events, wishes, standing] = conn
        .prepare([goals::READ, journal::READ, inbox::READ, approvals::STANDING])
        .await?;
    let of = tenant.as_str();
    let (_, rows, events, wishes, standing) = tokio::try_join!(
        biased;
        conn.begin_read(&setup, As::Chain(&chain)),
        conn.query(&read, [&of, &name]),
        conn.query(&events, [&of, &name, &0_i64]),
        conn.query(&wishes, [&of, &name]),
        conn.query(&standing, [&of, &name])
    )?;
    let Some(row) = rows.first() else {
        return Ok(0);
    };
    let record = Record::read(row, tenant)?;
    let mut all = Vec::new();
    for segment in journal::segments(&record, 0, &events)? {
        all.extend(journal::events(conn, shared, &record, segment).await?);
    }
    let mut saga = saga::Saga::new(record.key(shared));
    all.iter().for_each(|event| saga.apply(event));
    let owner = saga.acceptance().map(|acceptance| &acceptance.owner);
    let follows = saga.sequence() == record.sequence
        && saga.status() == record.status
        && saga.status().is_end() == record.finished_at.is_some()
        && owner == Some(&record.owner);
    if !follows {
        let reason = "it does not follow from its journal";
        return Err(Damage::row("goals", record.id, reason).into());
    }
    // A decision is in the approval before the machine has read it.
    let unread = !wishes.is_empty();
    let standing = standing.iter().map(Standing::read);
    let standing = standing.collect::<Result<Vec<_>, _>>()?;
    let told = told(&all);
    for (approval, stands) in &told {
        let found = standing.iter().find(|found| found.approval == *approval);
        let Some(found) = found else {
            let reason = format!("the approval {approval} of the goal {name} is missing");
            return Err(Damage::row("approvals", "", reason).into());
        };
        if !stands.is(&found.status, found.decided_by.as_deref(), unread) {
            let reason = "it does not follow from its goal's journal";
            return Err(Damage::row("approvals", found.id, reason).into());
        }
    }
    Ok(i64::try_from(told.len()).unwrap_or(i64::MAX))
}
