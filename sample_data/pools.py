# ruff: noqa: RUF001 - names in other scripts are the point of this module.
"""The words that the sample contacts are drawn from: places, names, companies.

Every person and every company is invented. Nothing here is random; the drawing is done
by `make_contacts.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Place(NamedTuple):
    """A city with what belongs to it.

    Attributes:
        country: The ISO 3166-1 alpha-2 code of the country.
        state: The state or region as a CRM stores it, or None where there is none.
        city: The name of the city, in the country's own spelling.
        postal_prefix: The first characters of the postal codes of the city.
        area_code: The North American telephone area code, or None elsewhere.
        locale: The key of `FIRST_NAMES` and `LAST_NAMES` for the people there.
        weight: How often the city is drawn, relative to the others.
    """

    country: str
    state: str | None
    city: str
    postal_prefix: str
    area_code: str | None
    locale: str
    weight: int


PLACES: Final[tuple[Place, ...]] = (
    Place("US", "CA", "San Francisco", "941", "415", "en", 9),
    Place("US", "CA", "Los Angeles", "900", "213", "en", 7),
    Place("US", "WA", "Seattle", "981", "206", "en", 6),
    Place("US", "OR", "Portland", "972", "503", "en", 4),
    Place("US", "TX", "Austin", "787", "512", "en", 7),
    Place("US", "NY", "New York", "100", "212", "en", 10),
    Place("US", "MA", "Boston", "021", "617", "en", 5),
    Place("US", "IL", "Chicago", "606", "312", "en", 5),
    Place("US", "CO", "Denver", "802", "303", "en", 3),
    Place("US", "ME", "Portland", "041", "207", "en", 1),
    Place("CA", "ON", "Toronto", "M5", "416", "en", 5),
    Place("CA", "QC", "Montréal", "H2", "514", "fr", 4),
    Place("CA", "BC", "Vancouver", "V6", "604", "en", 3),
    Place("GB", "England", "London", "EC1", None, "en", 9),
    Place("GB", "England", "Manchester", "M1", None, "en", 3),
    Place("GB", "Scotland", "Edinburgh", "EH1", None, "en", 2),
    Place("IE", None, "Dublin", "D0", None, "en", 2),
    Place("DE", "Berlin", "Berlin", "10", None, "de", 8),
    Place("DE", "Bayern", "München", "80", None, "de", 6),
    Place("DE", "Hamburg", "Hamburg", "20", None, "de", 4),
    Place("DE", "Nordrhein-Westfalen", "Köln", "50", None, "de", 3),
    Place("AT", "Wien", "Wien", "10", None, "de", 3),
    Place("CH", "ZH", "Zürich", "80", None, "de", 3),
    Place("CH", "GE", "Genève", "12", None, "fr", 1),
    Place("FR", "Île-de-France", "Paris", "750", None, "fr", 7),
    Place("FR", "Auvergne-Rhône-Alpes", "Lyon", "690", None, "fr", 3),
    Place("ES", "Madrid", "Madrid", "280", None, "es", 4),
    Place("ES", "Cataluña", "Barcelona", "080", None, "es", 4),
    Place("MX", "CDMX", "Ciudad de México", "06", None, "es", 3),
    Place("BR", "SP", "São Paulo", "01", None, "pt", 5),
    Place("PT", None, "Lisboa", "11", None, "pt", 2),
    Place("SE", None, "Malmö", "21", None, "nordic", 2),
    Place("DK", None, "København", "21", None, "nordic", 2),
    Place("PL", "Mazowieckie", "Warszawa", "00", None, "pl", 3),
    Place("PL", "Łódzkie", "Łódź", "90", None, "pl", 1),
    Place("TR", None, "İstanbul", "34", None, "tr", 2),
    Place("IN", "KA", "Bengaluru", "560", None, "in", 5),
    Place("IN", "MH", "Mumbai", "400", None, "in", 3),
    Place("JP", "東京都", "東京", "10", None, "ja", 3),
    Place("UA", None, "Київ", "01", None, "uk", 1),
    Place("AE", None, "دبي", "00", None, "ar", 1),
    Place("AU", "NSW", "Sydney", "20", None, "en", 4),
)

_FIRST: Final[dict[str, str]] = {
    "en": "Ava Liam Olivia Noah Maya Ethan Zoë Lucas Chloe Mason Grace Owen Nia Jamal "
    "Siobhán Declan Renée Marcus Hannah Tyler Imani Caleb Priya Kenji Fatima Andre",
    "de": "Jürgen Anneliese Lukas Sören Käthe Matthias Björn Lena Jörg Sabine Felix Ursula Günther Mia Emre Aylin",
    "fr": "Élodie François Chloé Hélène Thierry Noémie Jérôme Amélie Benoît Inès Théo Aïcha Gaël Maëlle",
    "es": "José María Lucía Iñaki Sofía Andrés Begoña Raúl Ximena Íñigo Paloma Héctor Nuria Joaquín",
    "pt": "João Inês Thiago Luísa Gonçalo Fernanda Antônio Beatriz Caetano Letícia Conceição Rui",
    "nordic": "Åsa Bjørn Søren Linnéa Øystein Freja Måns Astrid Gökhan Signe",
    "pl": "Łukasz Małgorzata Paweł Agnieszka Zbigniew Żaneta Michał Kasia",
    "tr": "Çağlar Ayşe Işıl Mehmet Gülşen Ömer Şebnem Emre",
    "in": "Aarav Ananya Vikram Lakshmi Rohan Meera Arjun Divya Sanjay Kavya Imran Zara",
    "ja": "陽子 健太 美咲 翔 さくら 大輔 結衣 直樹",
    "uk": "Олена Андрій Ганна Тарас Оксана Їжак",
    "ar": "ليلى عمر فاطمة يوسف نور خالد",
}

_LAST: Final[dict[str, str]] = {
    "en": "Smith Johnson O'Connor Nguyen Garcia Brown Okafor Davis Patel Wilson Chen "
    "MacDonald Clarke Robinson Lee Walker Ó'Brien Kim Baker Adeyemi Turner Rivera "
    "Lindqvist Hughes Cohen Ramirez",
    "de": "Müller Schröder Weiß Bäcker Krämer Fuchs Groß Vogel Köhler Schäfer Yılmaz Hoffmann Richter Böhm",
    "fr": "Lefèvre Dubois Moreau Bélanger Gagné Côté Rousseau Benali Fournier Tremblay Garçon Mercier",
    "es": "Muñoz García Núñez Hernández Ibáñez Peña López Domínguez Vázquez Ortiz Castaño Ruiz",
    "pt": "Araújo Gonçalves Conceição Magalhães Simões Ribeiro Brandão Sequeira Guimarães Lourenço",
    "nordic": "Sørensen Åkesson Lindström Østergaard Bergström Nygård Håkansson Møller",
    "pl": "Wiśniewski Dąbrowska Wójcik Kamińska Żak Zieliński Krawczyk",
    "tr": "Yıldız Öztürk Şahin Çelik Doğan Kılıç Güneş",
    "in": "Sharma Iyer Gupta Reddy Nair Khan Deshpande Singh Mukherjee Rao",
    "ja": "田中 佐藤 鈴木 高橋 渡辺 伊藤 山本",
    "uk": "Шевченко Ковальчук Бондаренко Мельник Їжакевич",
    "ar": "الحداد المنصوري القاسمي السويدي",
}

FIRST_NAMES: Final = {locale: tuple(text.split()) for locale, text in _FIRST.items()}
LAST_NAMES: Final = {locale: tuple(text.split()) for locale, text in _LAST.items()}

# Letters that Unicode does not take apart into a base letter and an accent.
PLAIN_LETTERS: Final = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae"})

# The locales that put the family name first.
FAMILY_NAME_FIRST: Final = frozenset({"ja"})

_HEADS: Final = (
    "Northwind Bluefin Harborlight Copperleaf Tidewater Brightfold Quillstone Ember "
    "Lumen Juniper Saltmarsh Foxglove Ironbark Kestrel Marigold Pinecrest Riverbend "
    "Solstice Thistle Wavecrest Zephyr Öresund Señal Größe Ålesund Kōyō"
)
COMPANY_HEADS: Final = tuple(_HEADS.split())

COMPANY_TAILS: Final[tuple[str, ...]] = (
    "Logistics",
    "Software",
    "Studio",
    "Design Studio",
    "Analytics",
    "Health",
    "Foods",
    "Media Agency",
    "Agency",
    "Robotics",
    "Energy",
    "Consulting",
    "Labs",
    "& Sons",
    "Education",
    "100% Organic",
)

_STREETS: Final = (
    "Oak Maple Harbor Station Mill Church Park Garden Bridge Market Lindenallee Victoria Sankt-Anna Belle-Vue"
)
STREETS: Final = tuple(_STREETS.split())

SOURCES: Final[dict[str | None, int]] = {
    "organic": 26,
    "google-ads": 17,
    "linkedin-ads": 11,
    "partner-referral": 9,
    "partner-marketplace": 6,
    "webinar": 9,
    "trade-show": 6,
    "csv-import": 8,
    None: 8,
}

TAGS: Final[dict[str, int]] = {
    "newsletter": 30,
    "webinar-2025": 14,
    "beta": 8,
    "vip": 5,
    "partner": 7,
    "churn-risk": 9,
    "decision-maker": 12,
    "competitor": 3,
    "event-berlin": 6,
    "Newsletter": 2,
}
