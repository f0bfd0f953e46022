//! Names and addresses of the chain's own contracts.

use quern_types::{AccAddress, contract_address};

/// A contract that genesis makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// Who serves what, where, with which keys
    Registry,
    /// Coins behind hosts
    Bonding,
    /// Sessions, batches, claims, pay
    Settlement,
    /// Which leaves are re-executed, by whom, what came of it
    Audits,
    /// Proof of compute, weights, validators
    PocWeights,
    /// What a token costs
    Pricing,
    /// What the chain mints for hosts
    Rewards,
}

impl System {
    /// In the order of genesis, which fixes the addresses.
    pub(crate) const ALL: [Self; 7] = [
        Self::Registry,
        Self::Bonding,
        Self::Settlement,
        Self::Audits,
        Self::PocWeights,
        Self::Pricing,
        Self::Rewards,
    ];

    /// Name in genesis.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Bonding => "bonding",
            Self::Settlement => "settlement",
            Self::Audits => "audits",
            Self::PocWeights => "poc-weights",
            Self::Pricing => "pricing",
            Self::Rewards => "rewards",
        }
    }

    /// Environment variable that replaces its address.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Registry => "QUERN_REGISTRY",
            Self::Bonding => "QUERN_BONDING",
            Self::Settlement => "QUERN_SETTLEMENT",
            Self::Audits => "QUERN_AUDITS",
            Self::PocWeights => "QUERN_POC_WEIGHTS",
            Self::Pricing => "QUERN_PRICING",
            Self::Rewards => "QUERN_REWARDS",
        }
    }

    /// Address on every chain whose genesis makes the contracts in this order: code and instance ids begin
    /// at 1.
    pub(crate) fn address(self) -> AccAddress {
        let id = match self {
            Self::Registry => 1,
            Self::Bonding => 2,
            Self::Settlement => 3,
            Self::Audits => 4,
            Self::PocWeights => 5,
            Self::Pricing => 6,
            Self::Rewards => 7,
        };
        contract_address(id, id)
    }
}

/// Addresses on a chain with another order. They are never asked of a node: a node must not choose who gets
/// the coins.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Contracts")]
pub struct ContractFlags {
    /// Address of the registry [default: the one of a Quern genesis]
    #[arg(long, value_name = "ADDRESS", env = "QUERN_REGISTRY", global = true, value_parser = account, hide_env_values = true)]
    pub registry: Option<AccAddress>,
    /// Address of bonding
    #[arg(long, value_name = "ADDRESS", env = "QUERN_BONDING", global = true, value_parser = account, hide_env_values = true)]
    pub bonding: Option<AccAddress>,
    /// Address of settlement
    #[arg(long, value_name = "ADDRESS", env = "QUERN_SETTLEMENT", global = true, value_parser = account, hide_env_values = true)]
    pub settlement: Option<AccAddress>,
    /// Address of the audits
    #[arg(long, value_name = "ADDRESS", env = "QUERN_AUDITS", global = true, value_parser = account, hide_env_values = true)]
    pub audits: Option<AccAddress>,
    /// Address of poc-weights
    #[arg(long, value_name = "ADDRESS", env = "QUERN_POC_WEIGHTS", global = true, value_parser = account, hide_env_values = true)]
    pub poc_weights: Option<AccAddress>,
    /// Address of pricing
    #[arg(long, value_name = "ADDRESS", env = "QUERN_PRICING", global = true, value_parser = account, hide_env_values = true)]
    pub pricing: Option<AccAddress>,
    /// Address of rewards
    #[arg(long, value_name = "ADDRESS", env = "QUERN_REWARDS", global = true, value_parser = account, hide_env_values = true)]
    pub rewards: Option<AccAddress>,
}

/// Reads an account address, for clap.
pub(crate) fn account(text: &str) -> Result<AccAddress, String> {
    AccAddress::from_bech32(text).map_err(|e| e.to_string())
}

impl ContractFlags {
    /// The addresses that the commands use.
    pub(crate) fn contracts(&self) -> Contracts {
        let given = |of: System| match of {
            System::Registry => &self.registry,
            System::Bonding => &self.bonding,
            System::Settlement => &self.settlement,
            System::Audits => &self.audits,
            System::PocWeights => &self.poc_weights,
            System::Pricing => &self.pricing,
            System::Rewards => &self.rewards,
        };
        let address = |of: System| given(of).clone().unwrap_or_else(|| of.address());
        Contracts {
            registry: address(System::Registry),
            bonding: address(System::Bonding),
            settlement: address(System::Settlement),
            audits: address(System::Audits),
            poc_weights: address(System::PocWeights),
            pricing: address(System::Pricing),
            rewards: address(System::Rewards),
        }
    }
}

/// Addresses that the commands use.
#[derive(Clone, Debug)]
pub(crate) struct Contracts {
    registry: AccAddress,
    bonding: AccAddress,
    settlement: AccAddress,
    audits: AccAddress,
    poc_weights: AccAddress,
    pricing: AccAddress,
    rewards: AccAddress,
}

impl Contracts {
    /// Address of one.
    pub(crate) fn of(&self, contract: System) -> &AccAddress {
        match contract {
            System::Registry => &self.registry,
            System::Bonding => &self.bonding,
            System::Settlement => &self.settlement,
            System::Audits => &self.audits,
            System::PocWeights => &self.poc_weights,
            System::Pricing => &self.pricing,
            System::Rewards => &self.rewards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_classic_ones_of_the_first_contracts() {
        // The first is wasmd's own vector for code 1, instance 1.
        let (_, bytes) =
            bech32::decode("purple14hj2tavq8fpesdwxxcu44rty3hh90vhujrvcmstl4zr3txmfvw9smc2vxm").unwrap();
        assert_eq!(System::Registry.address().as_bytes(), bytes);
        for (id, contract) in (1..).zip(System::ALL) {
            assert_eq!(contract.address(), contract_address(id, id));
        }
    }

    #[test]
    fn a_flag_replaces_one_address_only() {
        let flags = ContractFlags {
            bonding: Some(contract_address(9, 9)),
            ..Default::default()
        };
        let contracts = flags.contracts();
        assert_eq!(contracts.of(System::Bonding), &contract_address(9, 9));
        assert_eq!(contracts.of(System::Registry), &System::Registry.address());
    }
}
