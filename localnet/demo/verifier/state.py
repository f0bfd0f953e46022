"""What the chain says, as a receipt's checks ask for it."""

from .chain import Blocks, Node
from .formats import Formats, unb64


class Chain:
    """A node's blocks, and its contracts' answers."""

    def __init__(self, rpc, chain_id, contracts):
        self.node, self.formats, self.contracts = Node(rpc), Formats(chain_id), contracts
        self.blocks = Blocks(self.node, self.formats, contracts["settlement"])
        self.known = {}

    def follow(self):
        self.blocks.follow(self.node.height())

    def once(self, key, ask):
        if key not in self.known:
            self.known[key] = ask()
        return self.known[key]

    def ask(self, contract, question):
        return self.node.smart(self.contracts[contract], question)

    def session(self, number):
        return self.once(("session", number), lambda: self.ask("settlement", {"session": {"session": number}}))

    def price(self, model, height):
        contract = "pricing" if "pricing" in self.contracts else "registry"
        question = {"price_at": {"model": model, "height": height}}
        return self.once(("price", model, height), lambda: self.ask(contract, question))

    def warm_keys(self, host, height):
        """The key that counted at a height and the present one: any later one may sign, too."""
        def ask():
            then = self.ask("registry", {"warm_key_at": {"host": host, "height": height}})
            return [unb64(then["key"]), unb64(self.ask("registry", {"host": {"host": host}})["warm_key"]["key"])]

        return self.once(("keys", host, height), ask)

    def batch(self, host, sequence):
        """(height, root, sessions) of a host's batch, out of the blocks."""
        for (sender, number), batch in self.blocks.batches.items():
            if number == sequence and self.sender(sender) == host:
                return batch
        return None

    def sender(self, address):
        question = {"host_by_warm_key": {"address": address}}
        return self.once(("sender", address), lambda: self.ask("registry", question)["host"])

    def beacon(self, height):
        """The beacon that follows from the blocks; a node that says another is refused."""
        value = self.blocks.beacons[height]
        if self.once(("beacon", height), lambda: self.node.beacon(height)) != value:
            raise ValueError(f"the node's beacon of height {height} does not follow from its blocks")
        return value
