/// Reads the edited file again, as far as it can have changed.
struct Reparse {
    let plan: EditPlan
    /// In file order.
    let splices: [Splice]

    func tree() throws(YAMLEditError) -> YAMLTree {
        let edited = Splice.apply(splices, to: plan.tree.bytes)
        do throws(YAMLError) {
            return try TreeBuilder.parse(edited)
        } catch {
            throw plan.tree.refusal(
                at: splices[0].container,
                "the change would break the file (\(error.description)); edit the file by hand")
        }
    }
}
