public import Configuration
internal import Pricing
internal import Support
internal import Trends

/// What `podium check` says of prices: whether their file can be used, and whether they are old.
public enum PriceFileAdvice {
    /// Prices that were looked up longer ago are worth another look.
    static let oldAfterDays: Int64 = 180

    /// Sentences without an end; none where all is well.
    ///
    /// - Parameter folder: what a relative path begins with; empty or with its slash
    public static func lines(_ settings: UsageSettings, folder: String) -> [String] {
        lines(settings, folder: folder, today: Int64(WallClock.wholeSeconds) / 86_400)
    }

    /// - Parameter today: days since 1970
    static func lines(_ settings: UsageSettings, folder: String, today: Int64) -> [String] {
        guard case .file(let file) = settings.prices else {
            // Those that Podium brings along are renewed by another Podium alone.
            return settings.prices == .builtIn
                ? age(of: PriceTable.builtIn, "the built-in prices", today: today) : []
        }
        let path = file.hasPrefix("/") ? file : folder + file
        do throws(UsageRules.PriceFileProblem) {
            return age(of: try UsageRules.table(path), "the prices in \(path)", today: today)
        } catch {
            return ["usage.prices: \(error.text); the built-in prices stay in force"]
        }
    }

    private static func age(of table: PriceTable, _ name: String, today: Int64) -> [String] {
        let parts = table.date.split(separator: "-").compactMap { Int64($0) }
        guard parts.count == 3, let day = LocalDate.days(parts[0], parts[1], parts[2]) else { return [] }
        guard today - day > oldAfterDays else { return [] }
        return ["usage.prices: \(name) are of \(table.date), \(today - day) days ago: costs may be wrong"]
    }
}
