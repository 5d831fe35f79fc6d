"""Names of people and places of many cultures, from lists and their combinations."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from lab.train.answering.papers.wording import entries, words

Style = Literal["full", "titled", "surname", "initial", "first"]

WOMEN = words(
    """Ada Adaeze Agnes Aiko Aisha Alma Amara Amina Ana Anjali Anneke Ayesha Beatriz Bethan
    Birgit Bronwen Camille Carmen Chiara Chiamaka Clara Dagny Daniela Deepa Delia Dorota
    Edith Eleni Elif Elsa Emeka-Rose Erin Esther Eun-ji Farah Fatima Fiona Freya Gabriela
    Galina Gertrude Ginevra Greta Gudrun Halima Hana Hanneke Harriet Hedwig Ilse Imani Ines
    Ingrid Irena Isolde Ivy Jadwiga Jamila Joan Judith Kamala Karin Katalin Kavita Keiko
    Khadija Kirsten Lakshmi Leila Leonor Lieke Lin Lucia Ludmila Mabel Maeve Magda Manon
    Marguerite Marta Mei Mercy Milena Mina Moira Nadia Naledi Naomi Nasrin Nell Ngozi Nia
    Nilufar Nora Oksana Olga Olive Padma Parisa Paloma Petra Philippa Priya Rachel Rania
    Ramona Renske Rosa Roza Ruth Sabine Sakura Salma Sanne Sara Shirin Sigrid Simone Siobhan
    Sofia Solveig Sunita Svetlana Tamar Tatiana Thandiwe Themba-Jane Tove Uma Ursula
    Valentina Vera Vigdis Wanda Wilhelmina Winifred Xenia Yael Yasmin Yetunde Yuki Zainab
    Zofia Zsuzsa"""
)
MEN = words(
    """Abdul Abel Adewale Ahmed Ajay Akira Albert Alejandro Alistair Anders Andrei Anton
    Arjun Arthur Arvid Asif Axel Babak Balazs Bartosz Benedikt Bertrand Björn Bogdan Boris
    Brendan Callum Carlos Cedric Chidi Claude Conor Cyril Dafydd Daisuke Dmitri Diego Eamon
    Edmund Ehsan Eino Elias Emil Emre Enzo Ephraim Erik Ernest Farid Felix Femi Fergus Filip
    Florian Franz Gareth Georgios Gideon Giorgio Gonzalo Grigor Gunnar Hamid Hans Haruto
    Hassan Hector Hugo Hywel Ibrahim Igor Ismail Ivan Jabari Jakob Jamal Janos Jarek Javier
    Jens Jerome Jiro Joao Jonas Jorge Josef Kamal Karim Kenji Kofi Konrad Kwame Lars Laszlo
    Leander Leopold Lorenzo Luca Magnus Malik Marek Mateo Mehmet Mikhail Milan Minh Mohan
    Musa Nabil Naveen Neville Niall Nikolai Nnamdi Obi Olaf Omar Oswald Otto Pablo Patrice
    Pavel Pedro Percy Piotr Qasim Rafael Rajesh Ramon Ravi Rhys Roland Rolf Rufus Rustam
    Samir Sandor Sanjay Sebastian Sergei Sizwe Stefan Stellan Sven Tadeusz Takeshi Tariq
    Tendai Teodor Tobias Tomas Trevor Umberto Vaclav Victor Vikram Vilhelm Walter Wei
    Wilfred Xavier Yakov Yusuf Zoltan"""
)
SURNAMES = words(
    """Abara Abbott Achebe Adeyemi Aguilar Ahlgren Akintola Albrecht Almeida Amsel Andrade
    Antonov Appleyard Arakawa Aslan Aziz Bakker Balint Banerjee Barros Bassi Becker Bellamy
    Bengtsson Berglund Bhatt Bianchi Blackwood Boateng Bondar Borges Brandt Brennan Buchanan
    Caddick Calloway Cardoso Carrara Castellano Chaudhry Cho Cisse Coetzee Colley Cortez
    Crabtree Csonka Dahl Danjuma Das Delacroix Demir Desai Diallo Dlamini Dobrev Doyle
    Drummond Dubois Duval Dvorak Eze Ekström Elbaz Ellery Engel Eriksen Espinoza Estrada
    Fairclough Farkas Fennimore Ferrari Fiedler Finch Fofana Fontaine Fraser Fujimoto
    Gallagher Gandhi Garrick Gebre Ghosh Giordano Glover Goldberg Gomez Gorski Graf
    Greenhalgh Grünwald Gunnarsson Gupta Haddad Hakimi Halloran Hansson Harcourt Hashemi
    Hawthorne Hegedus Heikkinen Hinds Hofer Holloway Horvat Hosseini Huang Hurst Ibanez
    Idowu Ivanova Iyer Jaffe Jansen Jarvis Jensen Joshi Jovanovic Kaczmarek Kapoor Karlsen
    Kasprzak Katz Kaya Keane Kessler Khalil Kimura Kipling-Shaw Kiplagat Klein Kobayashi
    Koch Kovacs Kowalczyk Kruger Kulkarni Kurosawa Laing Lambert Larsen Lavigne Leclerc
    Lefevre Levi Lindqvist Lombardi Lundgren Macleod Mahlangu Malhotra Mancini Marchetti
    Marquez Matsuda Mbeki Mendoza Menon Meyer Mironov Mishra Molnar Montero Moreau Moyo
    Mukherjee Mwangi Nagy Nair Nakamura Navarro Ndiaye Nemeth Nguyen Nielsen Nkosi Novak
    Nwosu Oakley Obi-Grant Odhiambo Ogawa Okafor Olivetti Onyango Orlov Ortega Osei Osterman
    Owusu Ozturk Paget Palmer Papadakis Park Pasternak Patel Pereira Petrov Pham Pinto
    Popescu Prescott Quaye Quigley Quist Rahman Ramirez Rasmussen Reinholt Reyes Ricci
    Riedel Rosenthal Rossi Roy Ruiz Sadowski Saito Salazar Salvatore Sandhu Santos Sato
    Sauer Savic Schneider Sen Sesay Shah Shapiro Sharma Sikora Silva Singh Skelton Solberg
    Sorensen Stark Steiner Strand Suleiman Suzuki Szabo Takahashi Tanaka Tembo Teixeira
    Thackeray Thapa Thorne Tiwari Toivonen Torres Toure Traore Tremblay Tshabalala Turay
    Ueda Urbina Valdez Valenti Vance Varga Vasquez Venter Verhoeven Virtanen Vogel Volkov
    Wainwright Walsh Weiss Whitlock Wierzba Winter Wolff Xu Yamada Yilmaz Yoder Zapata
    Zeller Zhang Zielinski Zimmer Zulu"""
)
TITLES = {True: ("Ms", "Mrs", "Miss", "Dr"), False: ("Mr", "Mr", "Mr", "Dr")}

TOWN_HEADS = words(
    """Alder Ash Ban Beck Birch Black Brack Bram Brent Burn Calder Carl Chel Clay Cold Crom
    Dal Den Dun East El Fair Fen Fern Glen Grim Hal Har Hazel Hey Holm Hunt Kel Kirk Lang
    Lark Lin Long Marsh Mel Mid Mor New Nor Oak Otter Pen Pol Rav Red Rush Sal Sed Shel
    Silver Skel Stan Stock Sut Thorn Tor Wal War Whit Wil Win Wood Yar"""
)
TOWN_TAILS = words(
    """bridge bury by combe cross dale den don field ford gate ham haven hurst ley mere
    minster moor mouth port shaw stead stone thorpe ton wade wall well wick worth"""
)
TOWNS = entries(
    """Aldeia Nova; Almería; Bergamo; Brno; Cuenca; Dakar; Esbjerg; Fukuoka; Galway; Graz;
    Haifa; Ibadan; Izmir; Jaipur; Kisumu; Kotor; Leiden; Linz; Lublin; Malmö; Mombasa; Nantes;
    Oulu; Pécs; Porto; Quito; Rostock; Salta; Split; Tartu; Tromsø; Turin; Uppsala;
    Valparaíso; Viseu; Ypres"""
)
STREETS = words(
    """Abbey Acorn Anchor Baker's Barley Brewery Castle Cedar Chapel Church Cobbler's Copper
    Dyer's Elm Falcon Ferry Foundry Garden Glover's Granary Harbour Heron High Hill Juniper
    Kiln Lantern Laurel Lime Linden Market Meadow Mill Monk's Mulberry Nelson Orchard
    Paradise Park Pepper Pilgrim Priory Quarry Queen's Rope Rowan Saddler's School Sheaf
    Ship Sparrow Spring Station Tanner's Temple Thistle Tower Union Vine Walnut Weaver's
    Well Willow"""
)
WAYS = words(
    """Alley Avenue Close Court Crescent Gardens Lane Place Road Row Square Street Terrace"""
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a paper, as the paper writes the name."""

    shown: str
    first: str
    last: str
    is_woman: bool

    def __str__(self) -> str:
        return self.shown

    @property
    def she(self) -> str:
        return "she" if self.is_woman else "he"

    @property
    def her(self) -> str:
        return "her" if self.is_woman else "his"

    @property
    def herself(self) -> str:
        return "herself" if self.is_woman else "himself"


def draw_person(rng: random.Random, style: Style, is_woman: bool | None = None) -> Person:
    """A person whose name is written in the given style."""
    woman = rng.random() < 0.5 if is_woman is None else is_woman
    first, last = rng.choice(WOMEN if woman else MEN), rng.choice(SURNAMES)
    title = rng.choice(TITLES[woman])
    shown = {
        "full": f"{first} {last}",
        "titled": f"{title} {first} {last}",
        "surname": f"{title} {last}",
        "initial": f"{first[0]}. {last}",
        "first": first,
    }[style]
    return Person(shown, first, last, woman)


def draw_town(rng: random.Random) -> str:
    """A town, made up four times in five."""
    if rng.random() < 0.2:
        return rng.choice(TOWNS)
    head, tail = rng.choice(TOWN_HEADS), rng.choice(TOWN_TAILS)
    return head + tail


def draw_address(rng: random.Random) -> str:
    """A house number with a street, half the time with a town."""
    street = f"{rng.randint(1, 180)} {rng.choice(STREETS)} {rng.choice(WAYS)}"
    return f"{street}, {draw_town(rng)}" if rng.random() < 0.5 else street
