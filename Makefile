# What there is to do, a line each. Everything that CI does is here or in .ci/run.
export CARGO_INCREMENTAL := 0
# What `servers` starts, told by the environment: a URL may have a password in it.
CLUSTER := env DATABASE_URL={url} TEMPORAL_HOST={temporal} REDIS_URL={redis}
.DEFAULT_GOAL := help
.PHONY: help demo demo-temporal cluster test check prove prove-temporal bench bench-cluster generate serve

help: ## Say what there is to do
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## Build and run a small travel desk: three goals, live, then the proof
	cargo run --release --locked -p omnihub -- demo

demo-temporal: ## The same by an api and two workers, on Postgres, Temporal's development server and Redis
	.ci/tools
	cargo test --locked --workspace --features omnihub/temporal --no-run
	cargo run --release --locked -p servers -- $(CLUSTER) target/debug/omnihub demo --engine temporal

cluster: ## The same again, on the real Temporal server and the binary for releases
	.ci/tools cluster
	cargo build --release --locked -p omnihub --features temporal
	cargo run --release --locked -p servers -- --real $(CLUSTER) target/release/omnihub demo --engine temporal

test: ## Install what the tests need, then run them all, those of the API on either store
	.ci/tools && .ci/test

check: ## Format, lints with Temporal and without (warnings denied) and the rules of the house
	cargo fmt --all --check
	cargo clippy --workspace --features omnihub/temporal --all-targets --locked -- -D warnings
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked -p xtask

prove: ## Kill this very binary 200 times under load and count what was doubled, lost or hidden; then 60 times on Postgres
	cargo run --release --locked -p omnihub -- prove crash --kills 200
	cargo run --release --locked -p servers -- env DATABASE_URL={url} target/release/omnihub prove crash --kills 60 --database

prove-temporal: ## Kill api, workers, Temporal, Postgres and Redis at random, goals driven by Temporal, and count the same
	.ci/tools
	cargo test --locked --workspace --features omnihub/temporal --no-run
	cargo run --release --locked -p servers -- --kill-every 6 $(CLUSTER) target/debug/omnihub prove crash --engine temporal --kills 20 --rate 0.4 --goals 32

bench: ## Measure speed and memory of this very binary; minutes, on a quiet machine
	cargo bench --locked -p omnihub --bench speed

bench-cluster: ## Measure goals/s on a real Temporal server beside peers, in turns; 12 minutes, or 3 with QUICK=--quick
	.ci/tools cluster && bench/cluster/prepare
	cargo build --release --locked -p omnihub --features temporal
	cargo build --release --locked -p servers
	target/release/servers --real bench/cluster/run $(QUICK) {url} {temporal} {redis}

generate: ## Write openapi.json and omnihub.example.toml from the code
	cargo run --release --locked -p xtask -- generate

serve: ## Build and run a server on ./omnihub-data
	cargo run --release --locked -p omnihub -- serve
