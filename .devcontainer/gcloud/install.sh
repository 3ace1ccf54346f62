#!/bin/sh
# Installs gcloud and the two emulators from Google's own package repository.
set -eu

KEYRING=/usr/share/keyrings/cloud.google.gpg
export DEBIAN_FRONTEND=noninteractive

apt-get update
apt-get install -y --no-install-recommends ca-certificates curl gnupg
curl -fsSL https://packages.cloud.google.com/apt/doc/apt-key.gpg | gpg --dearmor -o "$KEYRING"
echo "deb [signed-by=$KEYRING] https://packages.cloud.google.com/apt cloud-sdk main" >/etc/apt/sources.list.d/google-cloud-sdk.list
apt-get update
apt-get install -y --no-install-recommends \
  google-cloud-cli google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator
rm -rf /var/lib/apt/lists/*
