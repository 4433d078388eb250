# decnet: the two commands of the README, and what they are made of.
.PHONY: quickstart test lint bench bpf clean setup setup-test docs

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT    := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

# Programs that the tests use as clients, scanners and reference servers, and the packages they come from. While they are
# installed a policy-rc.d keeps their services from starting (invoke-rc.d(8)).
TEST_PACKAGES := apache2-bin arping busybox-static chromium chromium-driver clang curl docker.io ethtool fonts-dejavu-core inetutils-telnet iproute2 iputils-ping libglib2.0-0 \
                 libjson-c5 libnet-ssleay-perl libsasl2-modules libwrap0 linux-libc-dev mariadb-server mmdebstrap nats-server nftables \
                 nginx-light nmap openssh-client openssh-server openssh-sftp-server p0f postfix postgresql procps redis-server \
                 redis-tools sasl2-bin \
                 sshpass swaks tcpdump

quickstart: $(BIN)/decnet  ## set up, apply examples/quickstart.ini, touch a decoy, show status and events
	@command -v curl >/dev/null || { $(APT) update -qq; $(APT) install -y -qq curl >/dev/null; }
	$(SUDO) $(BIN)/decnet apply --yes examples/quickstart.ini
	@address=$$($(SUDO) $(BIN)/decnet status quickstart --json | $(BIN)/python -c \
	    "import json,sys; print(next(d['ip'] for d in json.load(sys.stdin)['decoys'] if 'http' in d['services']))"); \
	    echo; echo "a visitor: curl http://$$address/"; curl -sS -o /dev/null -w 'HTTP %{http_code}, %{size_download} bytes\n' "http://$$address/"
	@echo; $(SUDO) $(BIN)/decnet status quickstart
	@echo; $(SUDO) $(BIN)/decnet events quickstart

test: setup-test lint  ## set up (system packages included), lint, measure, stress for a moment, and run every test this machine can run
	DECNET_BENCH_SECONDS=2 DECNET_BENCH_ROUNDS=1 DECNET_BENCH_LISTENERS=100 $(BIN)/pytest -m bench -n0 tests/bench
	STRESS_DURATION=4 $(BIN)/pytest -m stress -n0 -s tests/stress -k "many or events"
	$(BIN)/pytest
	$(BIN)/pytest -m "live or fuzz or docker"

lint: $(VENV)/.test  ## format, rules, types, layers
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup-test  ## measure the figures of docs/performance.md, each with its floor in the same run
	$(BIN)/pytest -m bench -n0 tests/bench

docs: $(VENV)/.test  ## write the reference pages anew from the schema, the commands and the profiles
	$(BIN)/python docs/generate.py

BPF   := src/decnet/stack/bpf
CLANG ?= clang

bpf:  ## compile the personality programs anew (needs Debian's clang; the object is in the repository)
	$(CLANG) -O2 -g0 -Wall -Werror -target bpf -mcpu=v3 -idirafter /usr/include/$$(uname -m)-linux-gnu \
	    -c $(BPF)/personality.c -o $(BPF)/personality.o

clean:  ## remove what was built here (never what was deployed: that is `decnet destroy`)
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks

setup: $(BIN)/decnet

setup-test: $(VENV)/.test
	@missing=""; for package in $(TEST_PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	    [ -z "$$missing" ] || $(SUDO) sh -c 'set -e; echo "installing $$*"; policy=/usr/sbin/policy-rc.d; \
	    [ -e $$policy ] || { printf "#!/bin/sh\nexit 101\n" >$$policy; chmod 755 $$policy; trap "rm -f $$policy" EXIT; }; \
	    export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
	    apt-get install -y -qq --no-install-recommends $$* >/dev/null' install $$missing

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "decnet needs Python 3.11 or later"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { $(APT) update -qq; $(APT) install -y -qq python3-venv >/dev/null; \
	    rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }

$(BIN)/decnet: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test,lint]'
	@touch $@ $(BIN)/decnet
