# What there is to do, a line each. Everything that CI does is here or in .ci/run.
export CARGO_INCREMENTAL := 0
.DEFAULT_GOAL := help
.PHONY: help demo cluster test check prove prove-temporal bench bench-cluster generate serve

help: ## Say what there is to do
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## Build and run a small travel desk: three goals, live, then the proof
	cargo run --release --locked -p omnihub -- demo

cluster: ## The same on Postgres, the real Temporal server, Redis, an api and two workers
	.ci/tools cluster
	cargo build --release --locked -p omnihub --features temporal
	cargo run --release --locked -p servers -- --real env REDIS_URL={redis} target/release/omnihub demo --database {url} --temporal {temporal}

test: ## Install what the tests need, then run them all, those of the API on either store
	.ci/tools && .ci/test

check: ## Format, lints (warnings denied) and the rules of the house
	cargo fmt --all --check && cargo clippy --workspace --features omnihub/temporal --all-targets --locked -- -D warnings && cargo test --locked -p xtask

prove: ## Kill this very binary 200 times under load and count what was doubled, lost or hidden; then 60 times on Postgres
	cargo run --release --locked -p omnihub -- prove crash --kills 200
	cargo run --release --locked -p servers -- target/release/omnihub prove crash --kills 60 --database {url}

prove-temporal: ## Kill api, workers, Temporal, Postgres and Redis at random, goals driven by Temporal, and count the same
	cargo test --locked --workspace --features omnihub/temporal --no-run
	cargo run --release --locked -p servers -- --kill-every 6 env REDIS_URL={redis} target/debug/omnihub prove crash --kills 20 --rate 0.4 --goals 32 --database {url} --temporal {temporal}

bench: ## Measure speed and memory of this very binary; minutes, on a quiet machine
	cargo bench --locked -p omnihub --bench speed

bench-cluster: ## Measure goals/s on a real Temporal server beside two peers, in turns; 10 minutes, or 3 with QUICK=--quick
	.ci/tools cluster && bench/cluster/prepare
	cargo build --release --locked -p omnihub --features temporal
	cargo build --release --locked -p servers
	target/release/servers --real bench/cluster/run $(QUICK) {url} {temporal} {redis}

generate: ## Write openapi.json and omnihub.example.toml from the code
	cargo run --release --locked -p xtask -- generate

serve: ## Build and run a server on ./omnihub-data
	cargo run --release --locked -p omnihub -- serve
